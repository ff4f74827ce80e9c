"""A call that takes its time: the host is busy, or preempted in the middle of it."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CALL, COUNT, NS
from emu.inject.vmm.calls import CallTwist, lacks_calls
from emu.vmm import effects as fx
from emu.vmm.asked import Asked
from emu.vmm.wanted import wanted_call


class Late(CallTwist, frozen=True):
    """Such calls take longer."""

    nanoseconds: int

    def answered(self, asked: Asked, effects: fx.Effects) -> fx.Effects:
        """A cost more."""
        return (*effects, fx.Cost(self.nanoseconds))


def _carry_out(given: Given) -> None:
    call, count = wanted_call(given.word("CALL")), given.number("COUNT")
    given.machine.injected.twist(Late(call, count, given.number("NS") // 1000))


KIND = InjectionKind(
    "late", "the next COUNT calls of a name take so much longer",
    (CALL, NS, COUNT.or_else("1")), _carry_out, "StartVirtualProcessor 300ms",
    lacking=lacks_calls, group="vmm",
)  # fmt: skip
