"""A CPU that stops for ever, whatever it was doing, and hears nothing any more."""

from emu.inject.cpu.gone import take
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU


def _carry_out(given: Given) -> None:
    take(given.machine, given.cpu, "stops for ever")


KIND = InjectionKind("stop", "the CPU stops for ever", (CPU,), _carry_out, "2 at parked cpu 2")
