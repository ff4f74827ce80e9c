"""A clock that drifts: from now on this CPU's TSC counts faster or slower than the others'."""

from msgspec.structs import replace

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, Parameter, one_of, within
from emu.vmm.state import WrongClock

PPM = Parameter("PPM", "millionths, 1 to 1,000,000", within(1, 1_000_000))
WAY = Parameter("WAY", "fast or slow", one_of("fast", "slow"), "fast")


def _carry_out(given: Given) -> None:
    clocks, now = given.machine.board.vmm.clocks, given.cpu.nanoseconds
    old = clocks.get(given.cpu.id, WrongClock())
    ppm = given.number("PPM") * (1 if given.word("WAY") == "fast" else -1)
    ahead = old.shows(now) - now  # what it has gained so far stays
    clocks[given.cpu.id] = replace(old, ahead_ns=ahead, ppm=ppm, since_ns=now)
    given.machine.waits.disturb()


KIND = InjectionKind(
    "drift", "the CPU's clock gains or loses PPM millionths from now on", (CPU, PPM, WAY),
    _carry_out, "2 200_000",
)  # fmt: skip
