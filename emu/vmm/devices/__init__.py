"""Devices: what answers at I/O ports, and in windows of guest-physical memory."""

from typing import Final

from emu.vmm.devices.device import Device, Window
from emu.vmm.devices.switches import POST, POWER
from emu.vmm.devices.table import Devices
from emu.vmm.devices.uart import COM1, COM3

__all__ = ["NONE", "STANDARD", "Device", "Devices", "Window"]

NONE: Final = Devices(())
"""What a TD reaches by plain loads and stores: it has to ask the host."""
STANDARD: Final = Devices((COM1, COM3, POST, POWER))
"""What every machine has: two serial lines, the POST port and the power switch."""
