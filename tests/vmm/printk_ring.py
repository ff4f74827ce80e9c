"""A kernel's ring buffer as kernel/printk/printk_ringbuffer.h describes it, by layouts that are
no kernel's: what reads it has to go by them."""

import struct
from typing import Final, NamedTuple

from tests.boot.btf import Members, section

RING: Final = 0x100
DESCS, INFOS, TEXT = 0x1000, 0x2000, 0x3000
COUNT_BITS, SIZE_BITS = 2, 7
LAYOUTS: Final[list[tuple[str, int, Members]]] = [
    ("printk_ringbuffer", 0x90, [("fail", 0, 0), ("text_data_ring", 128, 0),
                                 ("desc_ring", 512, 0)]),
    ("prb_desc_ring", 0x30, [("head_id", 0, 0), ("tail_id", 64, 0), ("descs", 128, 0),
                             ("infos", 192, 0), ("count_bits", 256, 0)]),
    ("prb_desc", 0x20, [("text_blk_lpos", 0, 0), ("state_var", 192, 0)]),
    ("prb_data_ring", 0x20, [("data", 0, 0), ("size_bits", 64, 0)]),
    ("prb_data_blk_lpos", 0x10, [("next", 0, 0), ("begin", 64, 0)]),
    ("printk_info", 0x20, [("ts_nsec", 0, 0), ("caller_id", 64, 0), ("text_len", 128, 0),
                           ("flags", 152, 5), ("level", 157, 3), ("seq", 192, 0)]),
]  # fmt: skip
BTF: Final = section(LAYOUTS)
RESERVED, COMMITTED, FINALIZED, REUSABLE = range(4)
"""enum desc_state."""
FIRST_ID: Final = (1 << 62) - 2
"""Numbers begin below where they begin anew (DESC0_ID)."""


class Record(NamedTuple):
    """One descriptor, with its block of text in the ring."""

    state: int
    nanoseconds: int
    caller: int
    level: int
    text: str
    begin: int
    """Where its block begins, counted on without end; bit 0: it has none."""
    end: int


def memory(records: list[Record], first: int = FIRST_ID) -> bytes:
    """16 KiB from address 0 on, with the ring at `RING`."""
    data = bytearray(0x4000)

    def put(at: int, form: str, *values: int) -> None:
        struct.pack_into(form, data, at, *values)

    head = first + len(records) - 1 & (1 << 62) - 1
    put(RING + 64, "<QQQQI", head, first, DESCS, INFOS, COUNT_BITS)
    put(RING + 16, "<QI", TEXT, SIZE_BITS)
    for number, one in enumerate(records):
        index = first + number & (1 << COUNT_BITS) - 1
        put(DESCS + 0x20 * index, "<QQ", one.end, one.begin)
        put(DESCS + 0x20 * index + 24, "<Q", one.state << 62 | first + number & (1 << 62) - 1)
        put(INFOS + 0x20 * index, "<QI", one.nanoseconds, one.caller)
        put(INFOS + 0x20 * index + 16, "<HBB", len(one.text), 0, one.level << 5 | 0b10101)
        size = 1 << SIZE_BITS
        wraps = one.begin // size != one.end // size and one.end % size
        at = TEXT + (0 if wraps else one.begin % size) + 8
        if not one.begin & 1:
            data[at : at + len(one.text)] = one.text.encode()
    return bytes(data)
