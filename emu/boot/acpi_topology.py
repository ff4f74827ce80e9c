"""ACPI tables of a machine that is one package in one node: where CPUs and memory are.

Source: ACPI 6.6: 5.2.16 (SRAT; 5.2.16.1 local APIC, 5.2.16.2 memory, 5.2.16.3 local x2APIC),
5.2.17 (SLIT), 5.2.30 (PPTT; 5.2.30.1 processor hierarchy node).
"""

import struct
from collections.abc import Iterable
from typing import Final

from emu.boot.linux import acpi
from emu.boot.parameters import Range

_APIC_ID_MAX: Final = 254
"""A greater id needs an x2APIC entry."""
_ENABLED: Final = 1
_HEADER_BYTES: Final = 36
_PACKAGE, _ID_VALID, _LEAF, _ALIKE = 1 << 0, 1 << 1, 1 << 3, 1 << 4
_LOCAL_DISTANCE: Final = 10


def srat(apic_ids: Iterable[int], ram: Iterable[Range]) -> bytes:
    """All CPUs and all memory are of proximity domain 0."""
    rows = [struct.pack("<IQ", 1, 0)]
    for apic_id in apic_ids:
        if apic_id > _APIC_ID_MAX:
            rows.append(struct.pack("<BBHIIII4x", 2, 24, 0, 0, apic_id, _ENABLED, 0))
        else:
            rows.append(struct.pack("<BBBBIB3xI", 0, 16, 0, apic_id, _ENABLED, 0, 0))
    rows += [
        struct.pack("<BBI2xQQ4xI8x", 1, 40, 0, start, size, _ENABLED) for start, size in ram
    ]
    return acpi.single(b"SRAT", b"".join(rows))


def slit() -> bytes:
    """One node, and its distance to itself."""
    return acpi.single(b"SLIT", struct.pack("<QB", 1, _LOCAL_DISTANCE))


def pptt(cpus: int) -> bytes:
    """A package, and in it every CPU by the UID that the MADT has for it."""
    rows = [_node(_PACKAGE | _ALIKE, 0, 0)]
    rows += [_node(_ID_VALID | _LEAF, _HEADER_BYTES, uid) for uid in range(cpus)]
    return acpi.single(b"PPTT", b"".join(rows))


def _node(flags: int, parent: int, uid: int) -> bytes:
    return struct.pack("<BBHIIII", 0, 20, 0, flags, parent, uid, 0)
