"""Page tables follow pages that are moved, as the public tests of the format's authors say."""

import struct
from collections.abc import Iterable
from typing import Final

import pytest

from emu.errors import ImageError
from emu.igvm.page_tables import Moved, Rebuilding

PAGE, LARGE, HUGE = 1 << 12, 1 << 21, 1 << 30
SIZES: Final = {PAGE: 0, LARGE: 1, HUGE: 2}
TABLE, DIRTY, BIG = 0x23, 0x40, 0x80
"""P W A of a table (page_table.rs, set_entry); leaves have D, and PS above 4 KiB."""
FAR: Final = 1024 * HUGE


def tables(cr3: int, leaves: Iterable[tuple[int, int]]) -> bytes:
    """Tables in a row from `cr3` on that map (address, bytes) to itself, each new table taken
    when it is first needed. Bytes 0: only the tables down to the last level."""
    made = [[0] * 512]
    for va, size in leaves:
        at, last = 0, SIZES.get(size, 0)
        for level in range(3, last, -1):
            index = va >> 12 + 9 * level & 511
            if not made[at][index]:
                made.append([0] * 512)
                made[at][index] = cr3 + PAGE * (len(made) - 1) | TABLE
            at = (made[at][index] & ~0xFFF) - cr3 >> 12
        if size:
            made[at][va >> 12 + 9 * last & 511] = va | TABLE | DIRTY | (BIG if last else 0)
    return b"".join(struct.pack("<512Q", *one) for one in made)


def rebuilt(
    old: bytes, cr3: int, delta: int, room: int, moved: Iterable[tuple[int, int, int]]
) -> bytes:
    pages = {cr3 + at: old[at : at + PAGE] for at in range(0, len(old), PAGE)}
    whole = Rebuilding(Moved(cr3, room, delta), len(old), pages)
    return whole.rebuilt(cr3, tuple(Moved(*one) for one in moved))


def test_builder_test_relocation() -> None:
    """microsoft/igvm, `igvm/src/page_table.rs`, the test of this name: 4 KiB by 1 MiB, 2 MiB
    by 8 MiB, 1 GiB by 5 GiB, tables by 1 TiB."""
    old = tables(FAR, ((0, PAGE), (PAGE, PAGE), (LARGE, LARGE), (2 * LARGE, LARGE),
                       (HUGE, HUGE), (2 * HUGE, HUGE)))  # fmt: skip
    moved = ((0, PAGE, 0x10_0000), (LARGE, LARGE, 0x80_0000), (HUGE, HUGE, 5 * HUGE))
    wanted = tables(
        2 * FAR,
        (
            (PAGE, PAGE),
            (0x10_0000, PAGE),
            (LARGE + 0x80_0000, LARGE),
            (2 * LARGE, LARGE),
            (6 * HUGE, HUGE),
            (2 * HUGE, HUGE),
        ),
    )
    assert rebuilt(old, FAR, FAR, 4 * len(old), moved) == wanted


def test_builder_illegal_reloc() -> None:
    """The same file: 2 MiB pages cannot move by 3 MiB."""
    old = tables(FAR, ((0, PAGE), (LARGE, LARGE), (2 * LARGE, LARGE)))
    with pytest.raises(ImageError, match="move by 0x300000 bytes, and 0x200000 is mapped by"):
        rebuilt(old, FAR, FAR, 4 * len(old), ((LARGE, LARGE, 0x30_0000),))


def test_builder_test_allocation() -> None:
    """The same file: what moves to another entry of the root takes tables of the free end."""
    old = tables(2048 * HUGE, ((0, PAGE), (LARGE, LARGE), (HUGE, HUGE)))
    away = 512 * HUGE
    wanted = tables(2048 * HUGE, ((0, 0), (away, PAGE), (LARGE + away, LARGE),
                                  (HUGE + away, HUGE)))  # fmt: skip
    moved = ((0, 2 * HUGE, away),)
    assert rebuilt(old, 2048 * HUGE, 0, 2 * len(old), moved) == wanted
    with pytest.raises(ImageError, match="no room for those that moving it takes"):
        rebuilt(old, 2048 * HUGE, 0, len(old), moved)


def test_a_mapping_larger_than_the_way_stays() -> None:
    """page_table.rs, recurse_fixup: a relocation within what an entry maps moves nothing."""
    old = tables(FAR, ((0, HUGE),))
    assert rebuilt(old, FAR, FAR, len(old), ((LARGE, LARGE, LARGE),)) == tables(
        2 * FAR, ((0, HUGE),)
    )


def test_what_moves_down_is_mapped_below() -> None:
    """The public builder adds the distance in both directions."""
    old = tables(FAR, ((8 * LARGE, LARGE),))
    found = rebuilt(old, FAR, -HUGE, len(old), ((8 * LARGE, LARGE, -4 * LARGE),))
    assert found == tables(FAR - HUGE, ((4 * LARGE, LARGE),))


def test_rights_and_no_execute_move_along() -> None:
    old = bytearray(tables(FAR, ((LARGE, LARGE),)))
    at = 2 * PAGE + 8
    (entry,) = struct.unpack_from("<Q", old, at)
    struct.pack_into("<Q", old, at, entry & ~2 | 1 << 63)
    found = rebuilt(bytes(old), FAR, 0, len(old), ((LARGE, LARGE, LARGE),))
    assert struct.unpack_from("<2Q", found, at) == (0, (entry & ~2 | 1 << 63) + LARGE)


def entry_of(at: int, value: int) -> bytes:
    data = bytearray(tables(FAR, ((LARGE, LARGE),)))
    struct.pack_into("<Q", data, at, value)
    return bytes(data)


WRONG = [
    (entry_of(0, FAR | TABLE), "the page table at 0x10000000000 is reached twice"),
    (entry_of(8, FAR + PAGE | TABLE), "the page table at 0x10000001000 is reached twice"),
    (entry_of(8, FAR + 5 * PAGE | TABLE), "lies outside those of its region"),
    (entry_of(2 * PAGE + 16, 0xABC000 | TABLE | BIG), "0x400000 is mapped already, to some"),
]


@pytest.mark.parametrize(("old", "words"), WRONG)
def test_tables_that_cannot_follow_are_refused(old: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        rebuilt(old, FAR, FAR, 8 * PAGE, ((LARGE, PAGE, LARGE),))


def test_a_root_elsewhere_is_refused() -> None:
    whole = Rebuilding(Moved(FAR, PAGE, PAGE), PAGE, {})
    with pytest.raises(ImageError, match="CR3 0x5000 is not in the region of its page tables"):
        whole.rebuilt(0x5000, ())
    with pytest.raises(ImageError, match="lies behind those that are in use"):
        Rebuilding(Moved(FAR, 2 * PAGE, PAGE), PAGE, {FAR + PAGE: b"\1" * PAGE})
