"""The CMOS clock at ports 0x70 and 0x71: what a kernel asks for the date.

Source: Motorola MC146818A data sheet (registers A, B, D, the time in BCD), ACPI 6.6, 5.2.9
(century byte at 0x32). The date is 1 January 2026 and the machine's virtual time: never the
host's.
"""

from datetime import timedelta
from typing import Final

from emu.vmm.clock import BEGINNING
from emu.vmm.devices.device import Device
from emu.vmm.effects import Effects, SetPort
from emu.vmm.state import Caller

INDEX: Final = 0x70
_STATUS: Final = {
    0x0A: 0x26,  # no update in progress; 32,768 Hz, interrupts of 1,024 Hz
    0x0B: 0x02,  # 24 hours, BCD
    0x0C: 0x00,
    0x0D: 0x80,  # the battery is well
}
_NMI_OFF: Final = 0x80
"""Bit 7 of the index turns NMIs off, and is none of the index."""


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


def _register(caller: Caller, index: int) -> int:
    if index in _STATUS:
        return _STATUS[index]
    now = BEGINNING + timedelta(microseconds=caller.nanoseconds // 1_000)
    fields = {
        0x00: now.second, 0x02: now.minute, 0x04: now.hour, 0x06: now.isoweekday() % 7 + 1,
        0x07: now.day, 0x08: now.month, 0x09: now.year % 100, 0x32: now.year // 100,
    }  # fmt: skip
    return _bcd(fields[index]) if index in fields else 0


def _read(caller: Caller, offset: int, width: int) -> tuple[int, Effects]:
    index = caller.vmm.ports.get(INDEX, 0)
    return (_register(caller, index) if offset else 0xFF), ()


def _write(caller: Caller, offset: int, width: int, value: int) -> Effects:
    return () if offset else (SetPort(INDEX, value & ~_NMI_OFF & 0xFF),)


CMOS: Final = Device(
    "cmos", _read, _write, range(INDEX, INDEX + 2), registers=("index", "data")
)
