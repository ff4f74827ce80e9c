"""Devices: what answers at I/O ports, and in windows of guest-physical memory."""

from typing import Final

from emu.vmm.devices.cmos import CMOS
from emu.vmm.devices.device import Device, Window
from emu.vmm.devices.fw_cfg import DEBUG_EXIT, FW_CFG
from emu.vmm.devices.hotplug import HOTPLUG
from emu.vmm.devices.pic import PIC1, PIC2
from emu.vmm.devices.pit import PIT, SPEAKER
from emu.vmm.devices.pm_timer import PM_TIMER
from emu.vmm.devices.switches import KEYBOARD, POST, POWER, RESET, SLEEP
from emu.vmm.devices.table import Devices
from emu.vmm.devices.uart import COM1, COM3, UART_REGISTERS
from emu.vmm.devices.xapic import XAPIC

__all__ = ["NONE", "STANDARD", "Device", "Devices", "Window", "port_words", "serial_line"]

NONE: Final = Devices(())
"""What a TD reaches by plain loads and stores: it has to ask the host."""
STANDARD: Final = Devices(
    (
        COM1, COM3, POST, POWER, SLEEP, RESET, KEYBOARD, CMOS, FW_CFG, DEBUG_EXIT,
        PIC1, PIC2, PIT, SPEAKER, PM_TIMER, HOTPLUG, XAPIC,
    )
)  # fmt: skip
"""What every machine has: two serial lines, POST port, power and reset switches, clock, timer,
fw_cfg, the registers of CPUs that come and go, and each CPU's APIC as a page; and the interrupt
controllers and timer of a PC, which are deaf where there is Hyper-V."""


def port_words(port: int) -> str:
    """`COM1 line status`, `POST`; empty where no standard device answers."""
    found = STANDARD.at_port(port)
    if found is None:
        return ""
    device, offset = found
    name = device.name.upper()
    return f"{name} {device.registers[offset]}" if device.registers else name


def serial_line(port: int) -> tuple[str, str] | None:
    """The serial line and the register of a port; None where there is no line."""
    found = STANDARD.at_port(port)
    if found is None or found[0].registers != UART_REGISTERS:
        return None
    return found[0].name.upper(), UART_REGISTERS[found[1]]
