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

_Walk = tuple[int, Hpa, tuple[tuple[int, int], ...]]
"""Edits of the nested table by then, the page, and what was read on the way: (number of eight
bytes, what they held)."""


class _Reads:
    """Guest memory as a walk reads it, with a note of what it saw."""

    def __init__(self, memory: HostMemory) -> None:
        self._memory = memory
        self.encryption_bit = memory.encryption_bit
        self.seen: list[tuple[int, int]] = []

    def u64(self, hpa: int) -> int:
        """A word of a table."""
        self.seen.append((hpa >> 3, self._memory.u64(hpa & ~7)))
        return self._memory.u64(hpa)

    def u32(self, hpa: int) -> int:
        """The same of a table whose entries are narrow."""
        self.seen.append((hpa >> 3, self._memory.u64(hpa & ~7)))
        return self._memory.u32(hpa)


class CodeReader:
    """The code that CPUs execute. What it remembers is no state: it says how bytes are found,
    never which they are."""

    def __init__(self, memory: HostMemory, npt: NestedPageTable) -> None:
        self._memory, self._npt, self._buffer = memory, npt, memory.buffer
        self._words = memoryview(memory.buffer).cast("B").cast("Q")
        self._walks: dict[tuple[int, int, int], _Walk] = {}

    def next(self, context: Context) -> bytes:
        """Up to 15 bytes at RIP: one instruction at the most."""
        cr3, cr0, at = context.code_place
        page = self._page((cr3, cr0, at >> 12))
        if page is None:
            return b""
        offset = at & PAGE_MASK
        if offset <= PAGE_BYTES - INSTRUCTION_BYTES:
            first = page + offset
            return self._buffer[first : first + INSTRUCTION_BYTES]
        here = self._memory.read(Hpa(page + offset), PAGE_BYTES - offset)
        behind = self._page((cr3, cr0, at + len(here) >> 12))
        if behind is None:
            return here
        return here + self._memory.read(behind, INSTRUCTION_BYTES - len(here))

    def ahead(self, context: Context, most: int) -> bytes:
        """The bytes from RIP on, up to `most` (15 or more) of them: all lie in RIP's page,
        apart from an instruction that reaches out of it."""
        cr3, cr0, at = context.code_place
        offset = at & PAGE_MASK
        if offset > PAGE_BYTES - INSTRUCTION_BYTES:
            return self.next(context)
        page = self._page((cr3, cr0, at >> 12))
        if page is None:
            return b""
        return self._buffer[page + offset : page + min(offset + most, PAGE_BYTES)]

    def page(self, context: Context, gva: int) -> Hpa | None:
        """Where the page of an address lies in the host; None where it is not mapped."""
        cr3, cr0, _ = context.code_place
        return self._page((cr3, cr0, gva >> 12))

    def _page(self, key: tuple[int, int, int]) -> Hpa | None:
        """Where a page of linear addresses lies in the host, by CR3, CR0 and its number; None
        where it is not mapped."""
        known = self._walks.get(key)
        if known is not None and known[0] == self._npt.edits:
            words = self._words
            for index, word in known[2]:
                if words[index] != word:
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
