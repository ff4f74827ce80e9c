"""A call that takes its time: the host is busy, or preempted in the middle of it."""

from dataclasses import dataclass, replace

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import CALL, COUNT, NS
from emu.debug.injections.vmm.calls import is_call, lacks_calls
from emu.hw.cpu import Cpu
from emu.machine.injected import Twist
from emu.machine.machine import Machine
from emu.vmm import effects as fx


@dataclass(frozen=True, slots=True)
class Late(Twist):
    """The next `left` calls of a name take longer."""

    call: str
    nanoseconds: int
    left: int

    def decided(
        self, machine: Machine, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist | None]:
        """A cost more."""
        if not is_call(what, self.call):
            return effects, self
        left = replace(self, left=self.left - 1) if self.left > 1 else None
        return (*effects, fx.Cost(self.nanoseconds)), left


def _carry_out(given: Given) -> None:
    call, delay = given.word("CALL").lower(), given.number("NS") // 1000
    given.machine.injected.twist(Late(call, delay, given.number("COUNT")))


KIND = Kind(
    "late", "the next COUNT calls of a name take so much longer",
    (CALL, NS, COUNT.or_else("1")), _carry_out, "StartVirtualProcessor 300ms",
    lacking=lacks_calls, group="vmm",
)  # fmt: skip
