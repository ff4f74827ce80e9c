"""An NMI that nobody sent."""

from emu.inject.cpu.interrupt import runs
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.machine import ipi


def _carry_out(given: Given) -> None:
    cpu = runs(given.cpu)
    ipi.nmi(given.machine, cpu, cpu)


KIND = InjectionKind(
    "nmi",
    "a non-maskable interrupt arrives",
    (CPU,),
    _carry_out,
    "2",
    not_started="parked cpu {CPU}",
)
