"""A Linux kernel's ring buffer of messages, read from its memory by its own layouts.

Source: Linux, kernel/printk/printk_ringbuffer.h and its gdb script scripts/gdb/linux/dmesg.py,
5.10 and later: a ring of descriptors, each with a state, a record of its own and a place in a
ring of text.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from emu.boot.btf import BtfStruct

ReadVirtual = Callable[[int, int], bytes | None]
"""(address, bytes) to what is there; None where nothing is mapped."""
STRUCTS: Final = (
    "printk_ringbuffer", "prb_desc_ring", "prb_desc", "prb_data_ring", "prb_data_blk_lpos",
    "printk_info",
)  # fmt: skip
_STATE_SHIFT: Final = 62
_ID_MASK: Final = (1 << _STATE_SHIFT) - 1
"""Numbers of descriptors count round; the first one is not far below the end."""
_WHOLE: Final = (1, 2)
"""desc_committed and desc_finalized (enum desc_state)."""
_ID_BYTES: Final = 8
"""A block of text begins with its descriptor's number."""
_NO_TEXT: Final = 1
"""In a place: the record has none (LPOS_DATALESS)."""
_ON_CPU: Final = 1 << 31
"""Of a caller: a CPU outside of any task; else it is the task's number."""
_BITS_MAX: Final = 25
"""LOG_BUF_LEN_MAX is 2 GiB of text; a kernel has a descriptor for 32 bytes."""
_LINE_MAX: Final = 4_096


class Printed(NamedTuple):
    """One record."""

    nanoseconds: int
    """Of the kernel's own clock."""
    caller: int
    level: int
    """0 (emergency) to 7 (debug)."""
    text: str

    @property
    def cpu(self) -> int | None:
        """The CPU that printed it; None if a task did."""
        return self.caller & ~_ON_CPU if self.caller & _ON_CPU else None

    def __str__(self) -> str:
        """As `dmesg` shows it, with CONFIG_PRINTK_CALLER."""
        seconds, rest = divmod(self.nanoseconds, 10**9)
        who = f"T{self.caller}" if self.cpu is None else f"C{self.cpu}"
        return f"[{seconds:5}.{rest // 1000:06}][{who:>6}] {self.text}"


def printed(
    read: ReadVirtual, layouts: dict[str, BtfStruct], ring: int
) -> tuple[Printed, ...] | None:
    """Everything in the ring at an address, oldest first; None where it cannot be read: by
    these layouts there is none, or not yet."""
    try:
        return tuple(_Ring(read, layouts, ring).records())
    except (KeyError, _UnreadError):
        return None


class _UnreadError(Exception):
    """Nothing is mapped where something has to be."""


class _Ring:
    """One ring buffer."""

    def __init__(self, read: ReadVirtual, layouts: dict[str, BtfStruct], ring: int) -> None:
        self._read, self._of = read, layouts
        whole = layouts["printk_ringbuffer"]
        self._descs = ring + whole.at("desc_ring")
        self._text = ring + whole.at("text_data_ring")

    def records(self) -> Iterator[Printed]:
        """All that are whole."""
        bits = self._field(self._descs, "prb_desc_ring", "count_bits", 4)
        size_bits = self._field(self._text, "prb_data_ring", "size_bits", 4)
        if not 0 < bits <= _BITS_MAX or not 0 < size_bits <= _STATE_SHIFT:
            raise _UnreadError
        first, infos, tail, head = (
            self._field(self._descs, "prb_desc_ring", name)
            for name in ("descs", "infos", "tail_id", "head_id")
        )
        size, info_size = self._of["prb_desc"].size, self._of["printk_info"].size
        last = (1 << bits) - 1
        for number in range(tail, tail + min(head - tail & _ID_MASK, last) + 1):
            index = number & last
            desc = first + index * size
            if self._field(desc, "prb_desc", "state_var") >> _STATE_SHIFT in _WHOLE:
                yield self._record(desc, infos + index * info_size, size_bits)

    def _record(self, desc: int, info: int, size_bits: int) -> Printed:
        place = desc + self._of["prb_desc"].at("text_blk_lpos")
        begin, end = (self._field(place, "prb_data_blk_lpos", one) for one in ("begin", "next"))
        count = self._field(info, "printk_info", "text_len", 2)
        text = "" if begin & _NO_TEXT else self._bytes(begin, end, size_bits, count)
        flags = self._of["printk_info"].members["level"]
        level = self._number(info + flags.bit // 8, 1) >> flags.bit % 8 & 7
        return Printed(
            self._field(info, "printk_info", "ts_nsec"),
            self._field(info, "printk_info", "caller_id", 4), level, text,
        )  # fmt: skip

    def _bytes(self, begin: int, end: int, size_bits: int, count: int) -> str:
        """The text of a block; one that would reach over the ring's end begins at its start."""
        data, last = self._field(self._text, "prb_data_ring", "data"), (1 << size_bits) - 1
        wraps = begin >> size_bits != end >> size_bits and end & last
        at = data + (0 if wraps else begin & last) + _ID_BYTES
        found = self._read(at, min(count, _LINE_MAX)) if count else b""
        if found is None:
            raise _UnreadError
        return found.decode("utf-8", "replace")

    def _field(self, at: int, struct: str, name: str, count: int = 8) -> int:
        return self._number(at + self._of[struct].at(name), count)

    def _number(self, at: int, count: int) -> int:
        found = self._read(at, count)
        if found is None:
            raise _UnreadError
        return int.from_bytes(found, "little")
