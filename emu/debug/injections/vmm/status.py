"""A call to the host or the TDX module that fails: nothing is done, and RAX says so."""

from dataclasses import dataclass, replace

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import CALL, COUNT, STATUS
from emu.debug.injections.vmm.calls import is_call, lacks_calls, refused
from emu.hw.cpu import Cpu
from emu.machine.injected import Twist
from emu.machine.machine import Machine
from emu.vmm import effects as fx


@dataclass(frozen=True, slots=True)
class Fails(Twist):
    """The next `left` calls of a name fail."""

    call: str
    status: int
    left: int

    def decided(
        self, machine: Machine, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist | None]:
        """Of a call only its cost and the status stay."""
        if not is_call(what, self.call):
            return effects, self
        left = replace(self, left=self.left - 1) if self.left > 1 else None
        return refused(what, self.status, effects), left


def _carry_out(given: Given) -> None:
    call, status = given.word("CALL"), given.number("STATUS")
    given.machine.injected.twist(Fails(call.lower(), status, given.number("COUNT")))


KIND = Kind(
    "status", "the next COUNT calls of a name return a status, and nothing is done",
    (CALL, STATUS, COUNT.or_else("1")), _carry_out, ". 5", lacking=lacks_calls, group="vmm",
)  # fmt: skip
