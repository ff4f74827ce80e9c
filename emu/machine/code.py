"""The bytes at a CPU's next instruction, without a walk of its page tables each time.

A walk is remembered by CR3, CR0 and page, with every guest entry that it read. As long as those
entries hold what they held and nobody edited the nested table, another walk would come to the
same page; so it is not made. The bytes themselves are always read, so that stores to code, by
whomever, need not be told of.
"""

from typing import Final

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Hpa
from emu.hw.context import Context
from emu.hw.memory import HostMemory
from emu.hw.nested import NestedPageTable
from emu.hw.paging import translate

INSTRUCTION_BYTES: Final = 15
"""The longest instruction (SDM 2, 2.3.11)."""
WALKS_MAX: Final = 4096

_Walk = tuple[int, Hpa, tuple[tuple[int, int, bytes], ...]]
"""Edits of the nested table by then, the page, and what was read on the way: (first HPA, end,
bytes)."""


class _Reads:
    """Guest memory as a walk reads it, with a note of what it saw."""

    def __init__(self, memory: HostMemory) -> None:
        self._memory = memory
        self.seen: list[tuple[int, int, bytes]] = []

    def u64(self, hpa: int) -> int:
        """A word of a table."""
        return self._entry(hpa, 8)

    def u32(self, hpa: int) -> int:
        """The same of a table whose entries are narrow."""
        return self._entry(hpa, 4)

    def _entry(self, hpa: int, width: int) -> int:
        data = self._memory.read(Hpa(hpa), width)
        self.seen.append((hpa, hpa + width, data))
        return int.from_bytes(data, "little")


class CodeReader:
    """The code that CPUs execute. What it remembers is no state: it says how bytes are found,
    never which they are."""

    def __init__(self, memory: HostMemory, npt: NestedPageTable) -> None:
        self._memory, self._npt, self._buffer = memory, npt, memory.buffer
        self._walks: dict[tuple[int, int, int], _Walk] = {}

    def next(self, context: Context) -> bytes:
        """Up to 15 bytes at RIP: one instruction at the most."""
        at = context.linear_rip
        page = self.page(context, at)
        if page is None:
            return b""
        offset = at & PAGE_MASK
        if offset <= PAGE_BYTES - INSTRUCTION_BYTES:
            first = page + offset
            return self._buffer[first : first + INSTRUCTION_BYTES]
        here = self._memory.read(Hpa(page + offset), PAGE_BYTES - offset)
        behind = self.page(context, at + len(here))
        if behind is None:
            return here
        return here + self._memory.read(behind, INSTRUCTION_BYTES - len(here))

    def page(self, context: Context, gva: int) -> Hpa | None:
        """Where the page of an address lies in the host; None where it is not mapped."""
        get = context.get
        key = get("cr3"), get("cr0"), gva >> 12
        known = self._walks.get(key)
        if known is not None and known[0] == self._npt.edits:
            buffer = self._buffer
            for first, end, data in known[2]:
                if buffer[first:end] != data:
                    break
            else:
                return known[1]
        return self._walk(key)

    def _walk(self, key: tuple[int, int, int]) -> Hpa | None:
        cr3, cr0, number = key
        reads = _Reads(self._memory)
        gpa = translate(reads, self._npt.hpa_of, cr0, cr3, number << 12)
        hpa = None if gpa is None else self._npt.hpa_of(gpa)
        if hpa is None:
            return None
        if len(self._walks) >= WALKS_MAX:
            self._walks.clear()
        self._walks[key] = self._npt.edits, hpa, tuple(reads.seen)
        return hpa
