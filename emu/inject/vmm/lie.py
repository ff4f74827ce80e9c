"""A call that is carried out, but whose answer is another one."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CALL, COUNT, REGISTER, VALUE
from emu.inject.vmm.calls import CallTwist, lacks_calls
from emu.vmm import effects as fx
from emu.vmm.asked import Asked
from emu.vmm.wanted import wanted_call


class Lie(CallTwist, frozen=True):
    """Such calls leave a value in a register."""

    register: str
    value: int

    def answered(self, asked: Asked, effects: fx.Effects) -> fx.Effects:
        """The answer is set last."""
        return (*effects, fx.SetRegisters(((self.register, self.value),)))


def _carry_out(given: Given) -> None:
    call, count = wanted_call(given.word("CALL")), given.number("COUNT")
    lie = Lie(call, count, given.word("REGISTER"), given.number("VALUE"))
    given.machine.injected.twist(lie)


KIND = InjectionKind(
    "lie", "the next COUNT calls of a name leave VALUE in REGISTER",
    (CALL, REGISTER, VALUE, COUNT.or_else("1")), _carry_out,
    "StartVirtualProcessor rax 0x1000a", lacking=lacks_calls, group="vmm",
)  # fmt: skip
