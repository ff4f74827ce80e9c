"""An NMI that nobody sent."""

from emu.inject.cpu.interrupt import deliver
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.machine.apply import NMI_PENDING


def _carry_out(given: Given) -> None:
    deliver(given.machine, given.cpu, NMI_PENDING)


KIND = InjectionKind(
    "nmi", "a non-maskable interrupt arrives", (CPU,), _carry_out, "2 at parked cpu 2"
)
