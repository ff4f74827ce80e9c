"""A call that is carried out, but whose answer is another one."""

from dataclasses import dataclass, replace

from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import CALL, COUNT, REGISTER, VALUE
from emu.debug.injections.vmm.calls import is_call, lacks_calls
from emu.hw.cpu import Cpu
from emu.machine.injected import Twist
from emu.machine.machine import Machine
from emu.vmm import effects as fx


@dataclass(frozen=True, slots=True)
class Lie(Twist):
    """The next `left` calls of a name leave a value in a register."""

    call: str
    register: str
    value: int
    left: int

    def decided(
        self, machine: Machine, cpu: Cpu, what: str, effects: fx.Effects
    ) -> tuple[fx.Effects, Twist | None]:
        """The answer is set last."""
        if not is_call(what, self.call):
            return effects, self
        left = replace(self, left=self.left - 1) if self.left > 1 else None
        return (*effects, fx.SetRegisters(((self.register, self.value),))), left


def _carry_out(given: Given) -> None:
    call, register = given.word("CALL").lower(), given.word("REGISTER")
    lie = Lie(call, register, given.number("VALUE"), given.number("COUNT"))
    given.machine.injected.twist(lie)


KIND = Kind(
    "lie", "the next COUNT calls of a name leave VALUE in REGISTER",
    (CALL, REGISTER, VALUE, COUNT.or_else("1")), _carry_out,
    "StartVirtualProcessor rax 0x1000a", lacking=lacks_calls, group="vmm",
)  # fmt: skip
