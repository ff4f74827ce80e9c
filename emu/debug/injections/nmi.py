"""An NMI that nobody sent."""

from emu.debug.injections.interrupt import deliver
from emu.debug.injections.kind import Kind
from emu.machine.apply import NMI_PENDING
from emu.machine.machine import Machine


def _carry_out(machine: Machine, values: list[int]) -> None:
    deliver(machine, values[0], NMI_PENDING)


KIND = Kind("nmi", ("CPU",), "a non-maskable interrupt arrives", _carry_out)
