"""The ACPI tables of a machine with CPUs, a timer and nothing else, from the RSDP on.

Source: ACPI 6.6: 5.2.5.3 (RSDP), 5.2.6 (header), 5.2.8 (XSDT), 5.2.9 (FADT), 5.2.12 (MADT;
5.2.12.2 local APIC, 5.2.12.12 local x2APIC, 5.2.12.19 multiprocessor wakeup), 20.2 (AML).
"""

import struct
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

LOCAL_APIC: Final = 0xFEE0_0000
_REVISIONS: Final = {
    b"XSDT": 1, b"FACP": 6, b"DSDT": 2, b"APIC": 7, b"SRAT": 3, b"SLIT": 1, b"PPTT": 3,
}  # fmt: skip
_FADT_BYTES: Final = 276
_HARDWARE_REDUCED: Final = 1 << 20
"""FADT flags: no fixed hardware, no SCI."""
_PM_TIMER_OF_32_BITS: Final = 1 << 8
"""FADT flags: TMR_VAL_EXT. The timer is there in spite of the flag above, as in Cloud
Hypervisor (`emu.vmm.devices.pm_timer`); Linux takes it."""
_PM_TIMER, _PM_TIMER_BYTES = 0xB008, 4
_HAS_RESET: Final = 1 << 10
"""FADT flags: the reset register is there."""
_BYTE_PORT: Final = 0x01_00_08_01
"""A generic address (5.2.3.2): of I/O space, 8 bits from bit 0, by bytes."""
_DWORD_PORT: Final = 0x03_00_20_01
"""The same of 32 bits, by double words."""
_RESET_PORT, _RESET_VALUE = 0xCF9, 6
_SLEEP_PORT: Final = 0x608
"""Control and status of sleep, one register: who wakes comes from a reset anyway."""
_S5: Final = bytes.fromhex("08 5f53355f 12 07 04 0a05 00 00 00")
"""Name (_S5_, Package (4) { 5, 0, 0, 0 }): the sleep type that switches off (20.2.5.1)."""
_NO_VGA_NO_CMOS: Final = 1 << 2 | 1 << 5
"""IAPC_BOOT_ARCH: there is no VGA, and no CMOS clock that a driver could have interrupts of."""
_ENABLED, _ONLINE_CAPABLE = 1, 2
"""Flags of a CPU's entry. One that is not there yet has the other one (table 5.23): QEMU clears
both (hw/i386/acpi-common.c, pc_madt_cpu_entry), in a table of a revision before that bit."""
_APART: Final = 64
"""Tables begin at multiples of so many bytes."""
_APIC_ID_MAX: Final = 254
"""A greater id needs an x2APIC entry."""
_OEM: Final = b"APDBG "


class Tables(Struct, frozen=True):
    """All tables in a row."""

    data: bytes
    rsdp: int
    """GPA of the root pointer: the first byte."""


def tables(
    gpa: int,
    apic_ids: Sequence[int],
    mailbox: int | None = None,
    reset: int | None = None,
    absent: int = 0,
) -> Tables:
    """The tables from `gpa` on; `absent`: so many CPUs, the last ones, may be plugged in and
    are not there; `mailbox`: GPA of the page through which the APs are woken,
    instead of by INIT and SIPI; `reset`: where they are handed back, if they may."""
    row = _InARow(gpa + _APART)
    dsdt = row.add(b"DSDT", _S5)
    madt = row.add(b"APIC", _madt(apic_ids, mailbox, reset, absent))
    fadt = row.add(b"FACP", _fadt(dsdt))
    xsdt = row.add(b"XSDT", struct.pack("<2Q", fadt, madt))
    return Tables(_rsdp(xsdt).ljust(_APART, b"\0") + row.data, gpa)


class _InARow:
    """Tables one behind the other."""

    def __init__(self, gpa: int) -> None:
        self._gpa = gpa
        self.data = b""

    def add(self, name: bytes, body: bytes) -> int:
        """One more; its GPA."""
        at = self._gpa + len(self.data)
        table = _table(name, body)
        self.data += table + bytes(-len(table) % _APART)
        return at


def _checked(data: bytes, at: int) -> bytes:
    """The bytes with one at `at` such that all add up to 0."""
    return data[:at] + bytes((-sum(data) & 0xFF,)) + data[at + 1 :]


def _rsdp(xsdt: int) -> bytes:
    first = struct.pack("<8sB6sBI", b"RSD PTR ", 0, _OEM, 2, 0)
    whole = _checked(first, 8) + struct.pack("<IQB3x", 36, xsdt, 0)
    return _checked(whole, 32)


def _table(name: bytes, body: bytes) -> bytes:
    header = struct.pack(
        "<4sIBB6s8sI4sI", name, 36 + len(body), _REVISIONS[name], 0, _OEM, b"APDBG   ", 1,
        b"APDB", 1,
    )  # fmt: skip
    return _checked(header + body, 9)


def _fadt(dsdt: int) -> bytes:
    body = bytearray(_FADT_BYTES - 36)
    for offset, form, value in (
        (109, "<H", _NO_VGA_NO_CMOS),
        (76, "<I", _PM_TIMER),
        (91, "<B", _PM_TIMER_BYTES),
        (112, "<I", _HARDWARE_REDUCED | _HAS_RESET | _PM_TIMER_OF_32_BITS),
        (116, "<I", _BYTE_PORT),
        (120, "<Q", _RESET_PORT),
        (128, "<B", _RESET_VALUE),
        (208, "<I", _DWORD_PORT),
        (212, "<Q", _PM_TIMER),
        (244, "<I", _BYTE_PORT),
        (248, "<Q", _SLEEP_PORT),
        (256, "<I", _BYTE_PORT),
        (260, "<Q", _SLEEP_PORT),
        (131, "<B", 6),  # the minor version
        (140, "<Q", dsdt),
    ):
        struct.pack_into(form, body, offset - 36, value)
    return bytes(body)


def _madt(
    apic_ids: Sequence[int], mailbox: int | None, reset: int | None, absent: int
) -> bytes:
    rows = [struct.pack("<II", LOCAL_APIC, 0)]
    present = len(apic_ids) - absent
    for uid, apic_id in enumerate(apic_ids):
        flags = _ENABLED if uid < present else _ONLINE_CAPABLE
        if apic_id > _APIC_ID_MAX:
            rows.append(struct.pack("<BBHIII", 9, 16, 0, apic_id, flags, uid))
        else:
            rows.append(struct.pack("<BBBBI", 0, 8, uid & 0xFF, apic_id, flags))
    if mailbox is not None and reset is None:
        rows.append(struct.pack("<BBHIQ", 0x10, 16, 0, 0, mailbox))
    elif mailbox is not None:
        rows.append(struct.pack("<BBHIQQ", 0x10, 24, 1, 0, mailbox, reset))
    return b"".join(rows)


def single(name: bytes, body: bytes) -> bytes:
    """One table by itself: header, body and check sum."""
    return _table(name, body)


def madt(apic_ids: Sequence[int], absent: int = 0) -> bytes:
    """The table of the CPUs by itself."""
    return _table(b"APIC", _madt(apic_ids, None, None, absent))
