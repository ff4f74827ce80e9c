"""A call that the host carries out twice, though it was made once."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CALL, COUNT
from emu.inject.vmm.calls import CallTwist, lacks_calls
from emu.vmm import effects as fx
from emu.vmm.asked import Asked
from emu.vmm.wanted import wanted_call


class Twice(CallTwist, frozen=True):
    """Such calls have their effects twice."""

    def answered(self, asked: Asked, effects: fx.Effects) -> fx.Effects:
        """All but the answer is repeated."""
        once = (fx.Complete, fx.SetRegisters)
        repeated = tuple(one for one in effects if not isinstance(one, once))
        return (*repeated, *effects)


def _carry_out(given: Given) -> None:
    call, count = wanted_call(given.word("CALL")), given.number("COUNT")
    given.machine.injected.twist(Twice(call, count))


KIND = InjectionKind(
    "twice", "the next COUNT calls of a name are carried out twice", (CALL, COUNT.or_else("1")),
    _carry_out, "StartVirtualProcessor", lacking=lacks_calls, group="vmm",
)  # fmt: skip
