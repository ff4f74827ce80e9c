"""What the tests of the guest code ask of a machine: its records, memory and page tables."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from emu import Session

RESET_PAGE: Final = 0xFFFFF000
RESET_ALIAS: Final = 0xFFFFE000
PAGE: Final = 4096
_ADDRESS: Final = 0x000F_FFFF_FFFF_F000


class Leaf(Struct, frozen=True):
    """One mapping: what every level together allows."""

    gva: int
    gpa: int
    size: int
    writable: bool
    executable: bool


def symbol(session: Session, name: str) -> int:
    """The address of the first image's symbol of that name."""
    return session.machine.board.layout.symbols.find(name)[0]


def read(session: Session, gpa: int, count: int) -> bytes:
    """What the guest would read at a guest-physical address."""
    data = session.machine.board.ram.guest_bytes(gpa, count)
    assert data is not None, f"no memory at {gpa:#x}"
    return data


def word(session: Session, gpa: int, count: int = 8) -> int:
    """A little-endian number in guest memory."""
    return int.from_bytes(read(session, gpa, count), "little")


def record_gpa(session: Session, cpu: int) -> int:
    """Where the shim keeps the record of an AP (VP index 1 first)."""
    first = word(session, symbol(session, "ap_records"))
    stride = word(session, symbol(session, "ap_record_stride"), 4)
    return first + (cpu - 1) * stride


def record(session: Session, cpu: int) -> dict[str, int | str]:
    """The record of an AP by the layout in the image's own debug information."""
    layout = session.machine.board.layout.structs.get("ap_record")
    assert layout is not None
    return layout.decode(read(session, record_gpa(session, cpu), layout.size))


def number(fields: dict[str, int | str], name: str) -> int:
    """A field that is a number."""
    value = fields[name]
    assert isinstance(value, int)
    return value


def leaves(session: Session, cr3: int) -> list[Leaf]:
    """Everything a set of page tables maps, by a walk that shares no code with the emulator."""
    return list(_walk(session, cr3 & _ADDRESS, 39, 0, True, True))


def _walk(
    session: Session, table: int, shift: int, base: int, writable: bool, executable: bool
) -> Iterator[Leaf]:
    data = read(session, table, PAGE)
    for index in range(512):
        entry = int.from_bytes(data[8 * index : 8 * index + 8], "little")
        if not entry & 1:
            continue
        gva = base + (index << shift)
        rights = (writable and bool(entry & 2), executable and not entry >> 63)
        if shift == 12 or entry & 0x80:
            size = 1 << shift
            yield Leaf(gva, entry & _ADDRESS & ~(size - 1), size, *rights)
        else:
            yield from _walk(session, entry & _ADDRESS, shift - 9, gva, *rights)
