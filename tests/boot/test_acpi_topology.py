"""Tables of CPUs and memory say what ACPI 6.6 has them say, field by field."""

import struct

from emu.boot import acpi_topology


def body_of(table: bytes, name: bytes, revision: int) -> bytes:
    """5.2.6: signature, length, revision, and bytes that add up to 0."""
    assert table[:4] == name
    assert struct.unpack_from("<I", table, 4) == (len(table),)
    assert table[8] == revision and sum(table) % 256 == 0
    return table[36:]


def test_srat_has_every_cpu_and_all_memory_in_domain_0() -> None:
    """5.2.16.1 (16 bytes), 5.2.16.3 (24 bytes, ids from 255 on), 5.2.16.2 (40 bytes)."""
    body = body_of(acpi_topology.srat((0, 300), ((0x800_0000, 0x20_0000),)), b"SRAT", 3)
    assert struct.unpack_from("<IQ", body) == (1, 0)
    kind, size, domain, apic_id, flags = struct.unpack_from("<BBBBI", body, 12)
    assert (kind, size, domain, apic_id, flags) == (0, 16, 0, 0, 1)
    kind, size, _, wide, x2apic_id, flags = struct.unpack_from("<BBHIII", body, 28)
    assert (kind, size, wide, x2apic_id, flags) == (2, 24, 0, 300, 1)
    kind, size, wide = struct.unpack_from("<BBI", body, 52)
    assert (kind, size, wide) == (1, 40, 0)
    assert struct.unpack_from("<QQ", body, 60) == (0x800_0000, 0x20_0000)
    assert struct.unpack_from("<I", body, 80) == (1,) and len(body) == 92


def test_slit_is_one_node_and_its_distance_to_itself() -> None:
    """5.2.17: the number of localities, and 10 on the diagonal."""
    assert body_of(acpi_topology.slit(), b"SLIT", 1) == struct.pack("<QB", 1, 10)


def test_pptt_is_a_package_with_its_cpus() -> None:
    """5.2.30.1: 20 bytes; flags bit 0 package, 1 id valid, 3 leaf; the parent is an offset."""
    body = body_of(acpi_topology.pptt(2), b"PPTT", 3)
    rows = list(struct.iter_unpack("<BBHIIII", body))
    assert [(row[0], row[1], row[3] & 0b1011, row[4], row[5]) for row in rows] == [
        (0, 20, 0b0001, 0, 0), (0, 20, 0b1010, 36, 0), (0, 20, 0b1010, 36, 1),
    ]  # fmt: skip
