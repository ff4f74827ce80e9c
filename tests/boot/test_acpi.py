"""The ACPI tables that a kernel finds: from the RSDP on, as ACPI 6.6 lays them out."""

import struct

from msgspec import Struct

from emu.boot.linux.acpi import tables

GPA = 0x8_0000
MAILBOX = 0x9_E000
IDS = (0, 2, 254, 255, 0x1_0000)


class Table(Struct, frozen=True):
    """One description table behind its 36 bytes of header (ACPI 6.6, 5.2.6)."""

    name: bytes
    revision: int
    data: bytes
    """All of it."""


class Memory:
    """The tables where a kernel finds them."""

    def __init__(self, mailbox: int | None = None, absent: int = 0) -> None:
        self._found = tables(GPA, IDS, mailbox, absent=absent)

    def at(self, gpa: int, count: int) -> bytes:
        assert GPA <= gpa <= gpa + count <= GPA + len(self._found.data)
        return self._found.data[gpa - GPA : gpa - GPA + count]

    def table(self, gpa: int) -> Table:
        name, size, revision = struct.unpack("<4sIB", self.at(gpa, 9))
        data = self.at(gpa, size)
        assert sum(data) & 0xFF == 0, f"{name!r}: all bytes add up to 0"
        return Table(name, revision, data)

    def rsdp(self) -> bytes:
        assert self._found.rsdp == GPA
        return self.at(self._found.rsdp, 36)

    def named(self) -> dict[bytes, Table]:
        """All that the XSDT points to, and the XSDT, and the DSDT by the FADT."""
        xsdt = self.table(struct.unpack_from("<Q", self.rsdp(), 24)[0])
        found = {xsdt.name: xsdt}
        for (gpa,) in struct.iter_unpack("<Q", xsdt.data[36:]):
            one = self.table(gpa)
            found[one.name] = one
        dsdt = self.table(struct.unpack_from("<Q", found[b"FACP"].data, 140)[0])  # X_DSDT
        return found | {dsdt.name: dsdt}


def test_the_root_pointer_is_of_revision_2_and_both_checksums_hold() -> None:
    root = Memory().rsdp()  # 5.2.5.3
    assert root[:8] == b"RSD PTR " and root[15] == 2
    assert sum(root[:20]) & 0xFF == 0 and sum(root) & 0xFF == 0
    assert struct.unpack_from("<II", root, 16) == (0, 36), "no RSDT; the length"


def test_every_table_is_there_in_its_revision() -> None:
    # 5.2.8, 5.2.9, 5.2.11.1, 5.2.12
    assert {one.name: one.revision for one in Memory().named().values()} == {
        b"XSDT": 1, b"FACP": 6, b"DSDT": 2, b"APIC": 7
    }  # fmt: skip


def test_the_fixed_table_tells_of_no_hardware_but_a_timer() -> None:
    fadt = Memory().named()[b"FACP"].data  # 5.2.9
    assert len(fadt) == 276 and fadt[131] == 6, "FADT minor version"
    assert struct.unpack_from("<I", fadt, 112)[0] == 1 << 20 | 1 << 10 | 1 << 8, (
        "HW_REDUCED_ACPI, RESET_REG_SUP and TMR_VAL_EXT"
    )
    # PM_TMR_BLK, PM_TMR_LEN and X_PM_TMR_BLK (SystemIO, 32 bits from bit 0, dword access)
    assert (struct.unpack_from("<I", fadt, 76)[0], fadt[91]) == (0xB008, 4)
    assert struct.unpack_from("<BBBBQ", fadt, 208) == (1, 32, 0, 3, 0xB008)
    assert struct.unpack_from("<H", fadt, 109)[0] == 1 << 2 | 1 << 5, "no VGA, no CMOS RTC"
    left = bytearray(fadt)
    # 5.2.3.2: SystemIO, 8 bits from bit 0, byte access, the address
    assert struct.unpack_from("<BBBBQB", fadt, 116) == (1, 8, 0, 1, 0xCF9, 6), "RESET_REG"
    for sleep in (244, 256):  # SLEEP_CONTROL_REG, SLEEP_STATUS_REG
        assert struct.unpack_from("<BBBBQ", fadt, sleep) == (1, 8, 0, 1, 0x608)
    known = ((0, 36), (76, 80), (91, 92), (109, 132), (140, 148), (208, 220), (244, 268))
    for first, end in known:
        left[first:end] = bytes(end - first)
    assert not any(left)


def test_the_definition_block_says_how_to_switch_off_and_nothing_else() -> None:
    """20.2.5.1, DefName: NameOp, the name; 20.2.5.4, DefPackage: PackageOp, PkgLength, four
    elements: BytePrefix 5 and three times ZeroOp."""
    aml = Memory().named()[b"DSDT"].data[36:]
    assert aml == b"\x08_S5_" + b"\x12\x07\x04" + b"\x0a\x05" + bytes(3)
    assert aml[6] == len(aml) - 6, "PkgLength counts itself and all behind it"


def entries(data: bytes) -> list[bytes]:
    """The structures behind the address and the flags of a MADT (5.2.12)."""
    assert struct.unpack_from("<II", data, 36) == (0xFEE0_0000, 0), "no 8259s"
    rows, at = [], 44
    while at < len(data):
        rows.append(data[at : at + data[at + 1]])
        at += data[at + 1]
    assert at == len(data)
    return rows


def test_an_id_beyond_254_has_an_x2apic_entry() -> None:
    rows = entries(Memory().named()[b"APIC"].data)
    # 5.2.12.2: type, length, UID, APIC id, flags; 5.2.12.12: reserved, id, flags, UID
    short = [struct.unpack("<BBBBI", row) for row in rows[:3]]
    assert short == [(0, 8, 0, 0, 1), (0, 8, 1, 2, 1), (0, 8, 2, 254, 1)]
    long = [struct.unpack("<BBHIII", row) for row in rows[3:]]
    assert long == [(9, 16, 0, 255, 1, 3), (9, 16, 0, 0x1_0000, 1, 4)]


def test_a_cpu_that_may_come_is_online_capable_and_not_enabled() -> None:
    """ACPI 6.6, table 5.23: bit 0 Enabled, bit 1 Online Capable, never both. QEMU lists every
    possible CPU, too, and enables those that are there (hw/i386/acpi-common.c)."""
    rows = entries(Memory(absent=3).named()[b"APIC"].data)
    assert [struct.unpack_from("<I", row, 4)[0] for row in rows[:3]] == [1, 1, 0b10]
    assert [struct.unpack_from("<I", row, 8)[0] for row in rows[3:]] == [0b10, 0b10]


def test_a_mailbox_has_the_wakeup_structure() -> None:
    rows = entries(Memory(MAILBOX).named()[b"APIC"].data)
    # 5.2.12.19: type 0x10, 16 bytes, version 0, reserved, address
    assert struct.unpack("<BBHIQ", rows[-1]) == (0x10, 16, 0, 0, MAILBOX)
    assert len(rows) == len(IDS) + 1
