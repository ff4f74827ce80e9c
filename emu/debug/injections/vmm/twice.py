"""A call that the host carries out twice, though it was made once."""

from dataclasses import dataclass, replace

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import CALL, COUNT
from emu.debug.injections.vmm.calls import is_call, lacks_calls
from emu.hw.cpu import Cpu
from emu.machine.injected import Twist
from emu.machine.machine import Machine
from emu.vmm import effects as fx


@dataclass(frozen=True, slots=True)
class Twice(Twist):
    """The next `left` calls of a name have their effects twice."""

    call: str
    left: int

    def decided(
        self, machine: Machine, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist | None]:
        """All but the answer is repeated."""
        if not is_call(what, self.call):
            return effects, self
        once = (fx.Complete, fx.SetRegisters)
        repeated = tuple(one for one in effects if not isinstance(one, once))
        left = replace(self, left=self.left - 1) if self.left > 1 else None
        return (*repeated, *effects), left


def _carry_out(given: Given) -> None:
    call, count = given.word("CALL").lower(), given.number("COUNT")
    given.machine.injected.twist(Twice(call, count))


KIND = Kind(
    "twice", "the next COUNT calls of a name are carried out twice", (CALL, COUNT.or_else("1")),
    _carry_out, "StartVirtualProcessor", lacking=lacks_calls, group="vmm",
)  # fmt: skip
