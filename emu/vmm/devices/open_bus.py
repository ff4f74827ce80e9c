"""Guest-physical addresses at which there is nothing, on a machine where nobody minds: as on a
PC, loads find all lines high and stores are lost."""

from itertools import pairwise
from typing import Final

from emu.vmm.devices import STANDARD
from emu.vmm.devices.device import Device, Window, deaf, silent
from emu.vmm.devices.table import Devices

_END: Final = 1 << 40
"""Where guest-physical addresses end."""


def with_open_bus(ram: tuple[tuple[int, int], ...]) -> Devices:
    """The standard devices, and behind them whatever lies between (GPA, bytes) of memory."""
    taken = sorted((gpa, gpa + size) for gpa, size in ram)
    edges = ((0, 0), *taken, (_END, _END))
    holes = tuple(
        Window(before[1], after[0] - before[1])
        for before, after in pairwise(edges)
        if before[1] < after[0]
    )
    return Devices((*STANDARD.all, Device("nothing", silent, deaf, windows=holes)))
