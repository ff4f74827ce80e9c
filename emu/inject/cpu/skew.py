"""A clock that is off: this CPU's TSC and everything derived from it, IA32_TSC_ADJUST aside."""

from msgspec.structs import replace

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, NS, Parameter, one_of
from emu.vmm.state import WrongClock

SIDE = Parameter("SIDE", "ahead or behind", one_of("ahead", "behind"), "ahead")


def _carry_out(given: Given) -> None:
    clocks = given.machine.board.vmm.clocks
    sign = 1 if given.word("SIDE") == "ahead" else -1
    clock = clocks.get(given.cpu.id, WrongClock())
    ahead = clock.ahead_ns + sign * (given.number("NS") // 1000)
    clocks[given.cpu.id] = replace(clock, ahead_ns=ahead)
    given.machine.waits.disturb()


KIND = InjectionKind(
    "skew", "the CPU's clock is ahead of or behind the others' by so much", (CPU, NS, SIDE),
    _carry_out, "2 50us",
)  # fmt: skip
