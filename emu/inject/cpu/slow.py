"""A slow core: every instruction takes so many times as long."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, Parameter, within

FACTOR = Parameter("FACTOR", "2 to 10,000", within(2, 10_000))


def _carry_out(given: Given) -> None:
    given.machine.waits.disturb()
    given.cpu.ps_per_instruction *= given.number("FACTOR")


KIND = InjectionKind(
    "slow", "each instruction of the CPU takes FACTOR times as long", (CPU, FACTOR), _carry_out,
    "2 100",
)  # fmt: skip
