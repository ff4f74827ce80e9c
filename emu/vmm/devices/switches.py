"""The POST port and the power switch."""

from typing import Final

from emu.vmm.devices.device import Device, silent
from emu.vmm.effects import Effects, Note, PowerOff
from emu.vmm.state import Caller

SLEEP_ENABLE: Final = 1 << 13
"""PM1 control bit SLP_EN (ACPI 6.5, 4.8.3.2.1); every sleep type is taken as S5."""


def _post(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return (Note(f"POST code {value & 0xFF:#04x}"),)


def _power(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return (PowerOff(),) if value & SLEEP_ENABLE else ()


POST: Final = Device("post", silent, _post, range(0x80, 0x81))
POWER: Final = Device("power", silent, _power, range(0x604, 0x606), widths=(2,))
"""The ACPI PM1a control block as QEMU's q35 places it."""
