"""An NMI that nobody sent."""

from emu.debug.injections.cpu.interrupt import deliver
from emu.debug.injections.kind import Given, Kind
from emu.debug.injections.parameter import CPU
from emu.machine.apply import NMI_PENDING


def _carry_out(given: Given) -> None:
    deliver(given.machine, given.cpu, NMI_PENDING)


KIND = Kind(
    "nmi", "a non-maskable interrupt arrives", (CPU,), _carry_out, "2 at mailbox_wait cpu 2"
)
