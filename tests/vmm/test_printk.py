"""A Linux kernel's ring buffer: whole records in their order, wherever rings begin anew."""

import pytest

from emu.boot.btf import structs
from emu.vmm.printk import STRUCTS, Printed, printed
from tests.vmm.printk_ring import (
    BTF,
    COMMITTED,
    FINALIZED,
    FIRST_ID,
    RESERVED,
    REUSABLE,
    RING,
    Record,
    memory,
)

LAYOUTS = structs(BTF, STRUCTS)
CPU_3 = 1 << 31 | 3
SECOND = 10**9
RECORDS = [
    Record(REUSABLE, 0, 0, 0, "was there before", 0x40, 0x60),
    Record(FINALIZED, 1_500, 0, 6, "Linux version 6.12", 0x1040, 0x1060),
    # a block that would reach over the end of the text (0x1080) begins at its start
    Record(FINALIZED, 12 * SECOND + 53_131_999, 1, 4, "smp: Brought up", 0x1070, 0x1098),
    Record(COMMITTED, 13 * SECOND, CPU_3, 3, "#PF", 0x10A0, 0x10B0),
]
TOLD = [
    Printed(1_500, 0, 6, "Linux version 6.12"),
    Printed(12 * SECOND + 53_131_999, 1, 4, "smp: Brought up"),
    Printed(13 * SECOND, CPU_3, 3, "#PF"),
]
WORDS = [
    "[    0.000001][    T0] Linux version 6.12",
    "[   12.053131][    T1] smp: Brought up",
    "[   13.000000][    C3] #PF",
]
"""Documentation/admin-guide and kernel/printk/printk.c, print_time and print_caller."""


def told(data: bytes) -> tuple[Printed, ...] | None:
    def read(at: int, count: int) -> bytes | None:
        return data[at : at + count] if at + count <= len(data) else None

    return printed(read, LAYOUTS, RING)


@pytest.mark.parametrize("first", [FIRST_ID, 0, 5])
def test_whole_records_are_told_oldest_first(first: int) -> None:
    found = told(memory(RECORDS, first))
    assert found == tuple(TOLD)
    assert [str(one) for one in found or ()] == WORDS
    assert [one.cpu for one in found or ()] == [None, None, 3]


def test_one_that_is_being_written_is_left_out_and_one_without_text_is_empty() -> None:
    rows = [
        Record(FINALIZED, 7, 1, 6, "", 0x3, 0x3),
        Record(RESERVED, 8, 1, 6, "half", 0x20, 0x40),
    ]
    assert told(memory(rows)) == (Printed(7, 1, 6, ""),)


def test_where_nothing_is_mapped_or_no_layout_is_known_nothing_is_told() -> None:
    assert told(memory(RECORDS)[:0x1000]) is None
    assert told(bytes(0x4000)) is None, "no ring has no descriptor"
    assert printed(lambda at, count: bytes(count), {}, RING) is None
