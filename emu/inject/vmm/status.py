"""A call to the host or the TDX module that fails: nothing is done, and RAX says so."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CALL, COUNT, STATUS
from emu.inject.vmm.calls import CallTwist, lacks_calls, refused
from emu.vmm import effects as fx
from emu.vmm.asked import Asked
from emu.vmm.wanted import wanted_call


class Fails(CallTwist, frozen=True):
    """Such calls return a status."""

    status: int

    def answered(self, asked: Asked, effects: fx.Effects) -> fx.Effects:
        """Of a call only its cost and the status stay."""
        return refused(asked, self.status, effects)


def _carry_out(given: Given) -> None:
    call, count = wanted_call(given.word("CALL")), given.number("COUNT")
    given.machine.injected.twist(Fails(call, count, given.number("STATUS")))


KIND = InjectionKind(
    "status", "the next COUNT calls of a name return a status, and nothing is done",
    (CALL, STATUS, COUNT.or_else("1")), _carry_out, ". 5", lacking=lacks_calls, group="vmm",
)  # fmt: skip
