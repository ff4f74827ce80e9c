"""The POST port, the power switch, and what resets a PC."""

from typing import Final

from emu.vmm.devices.device import Device, silent
from emu.vmm.effects import Crash, Effects, Note, PowerOff
from emu.vmm.state import Caller

SLEEP_ENABLE: Final = 1 << 13
"""PM1 control bit SLP_EN (ACPI 6.5, 4.8.3.2.1); every sleep type is taken as S5."""

SLEEP_PORT: Final = 0x608
SLEEP_NOW: Final = 1 << 5
"""SLP_EN of the sleep control register of hardware-reduced ACPI (ACPI 6.6, table 4.21)."""
RESET_PORT: Final = 0xCF9
RESET_CPU: Final = 1 << 2
"""RST_CPU of the reset control register (Intel 300 Series PCH data sheet, 0xCF9)."""
KEYBOARD_PORT: Final = 0x64
PULSE: Final = 0xF0
"""Commands 0xF0 to 0xFF of the 8042 pulse the output lines whose bits are clear (IBM PC/AT
Technical Reference, keyboard controller commands)."""
RESET_LINE: Final = 1


def _post(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return (Note(f"POST code {value & 0xFF:#04x}"),)


def _power(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return (PowerOff(),) if value & SLEEP_ENABLE else ()


def _sleep(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return (PowerOff(),) if value & SLEEP_NOW else ()


def _reset_control(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return _reset(caller, RESET_PORT) if value & RESET_CPU else ()


def _keyboard_status(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    """Nothing waits in either direction."""
    return 0, ()


def _keyboard(caller: Caller, offset: int, width: int, value: int) -> Effects:
    pulses = value & PULSE == PULSE and not value & RESET_LINE
    return _reset(caller, KEYBOARD_PORT) if pulses else ()


def _reset(caller: Caller, port: int) -> Effects:
    return (Crash(f"CPU {caller.cpu} asked for a reset by port {port:#x}"),)


POST: Final = Device("post", silent, _post, range(0x80, 0x81))
POWER: Final = Device("power", silent, _power, range(0x604, 0x606), widths=(2,))
"""The ACPI PM1a control block as QEMU's q35 places it."""
SLEEP: Final = Device("sleep", silent, _sleep, range(SLEEP_PORT, SLEEP_PORT + 1))
RESET: Final = Device("reset", silent, _reset_control, range(RESET_PORT, RESET_PORT + 1))
KEYBOARD: Final = Device(
    "keyboard", _keyboard_status, _keyboard, range(KEYBOARD_PORT, KEYBOARD_PORT + 1)
)
