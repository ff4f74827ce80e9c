"""The host takes a CPU away in the middle of the hand-off: it has seen its wake-up, and has not
acknowledged it."""

from emu.inject.cpu.gone import take
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU


def _carry_out(given: Given) -> None:
    take(given.machine, given.cpu, "is taken away by the host")


KIND = InjectionKind(
    "take-away", "the host takes the CPU away just before it acks its wake-up", (CPU,),
    _carry_out, "2", when="ack cpu {CPU}",
)  # fmt: skip
