"""Where each guest page really lives, and who may touch it.

Two four-level tables of 4 KiB leaves in host memory (AMD APM 2, 15.25): the *model*, which
people see and edit, and the *shadow*, which the emulated MMU walks. The shadow is the model
minus what the debugger withholds for a while: write permission of pages it watches.
"""

import struct
from dataclasses import dataclass
from typing import Final, Literal

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa, Hpa, page_of
from emu.hw.memory import HostMemory

PRESENT: Final = 1 << 0
WRITE: Final = 1 << 1
USER: Final = 1 << 2
ACCESSED: Final = 1 << 5
DIRTY: Final = 1 << 6
NO_EXECUTE: Final = 1 << 63
FRAME: Final = 0x000F_FFFF_FFFF_F000
"""Bits 51:12 of an entry: the address of a page or of the next table."""

LEVELS: Final = (("L4", 39), ("L3", 30), ("L2", 21), ("L1", 12))
"""Name and lowest address bit of each level, root first."""
_ENTRIES: Final = 512
_TABLE_SPAN: Final = _ENTRIES * PAGE_BYTES

Access = Literal["read", "write", "execute"]
Verdict = Literal["ok", "not present", "read-only", "no execute", "user bit clear"]


def bits_in_words(entry: int) -> str:
    """The permission and status bits of an entry: `P W U A D NX`."""
    names = ((0, "P"), (1, "W"), (2, "U"), (5, "A"), (6, "D"), (7, "PS"), (63, "NX"))
    return " ".join(name for bit, name in names if entry >> bit & 1)


@dataclass(frozen=True, slots=True)
class NestedLevel:
    """One entry that a nested walk read."""

    name: str
    index: int
    entry_hpa: Hpa
    value: int


@dataclass(frozen=True, slots=True)
class NestedWalk:
    """A nested walk with every level it read; `hpa` is None unless the verdict is ok."""

    gpa: Gpa
    levels: tuple[NestedLevel, ...]
    hpa: Hpa | None
    verdict: Verdict

    def lines(self) -> tuple[str, ...]:
        """The walk as a person reads it, one level a line."""
        rows = [
            f"{level.name}[{level.index:03}] {level.entry_hpa:010x} = {level.value:016x} "
            f"{bits_in_words(level.value)}".rstrip()
            for level in self.levels
        ]
        end = self.verdict if self.hpa is None else f"hpa {self.hpa:#x}"
        return (*rows, f"gpa {self.gpa:#x}: {end}")


def walk_nested(memory: HostMemory, root: Hpa, gpa: Gpa, access: Access = "read") -> NestedWalk:
    """Translate a GPA through a nested table; never raises, however broken the table is."""
    table: int = root
    levels: list[NestedLevel] = []
    for name, shift in LEVELS:
        index = gpa >> shift & _ENTRIES - 1
        place = Hpa(table + 8 * index)
        inside = place + 8 <= memory.size
        entry = memory.u64(place) if inside else 0
        levels.append(NestedLevel(name, index, place, entry))
        verdict = _verdict(entry, access)
        if verdict != "ok":
            return NestedWalk(gpa, tuple(levels), None, verdict)
        table = entry & FRAME
    return NestedWalk(gpa, tuple(levels), Hpa(table | gpa & PAGE_MASK), "ok")


def _verdict(entry: int, access: Access) -> Verdict:
    """What one entry allows: nested accesses count as user accesses (APM 2, 15.25.5)."""
    if not entry & PRESENT:
        return "not present"
    if not entry & USER:
        return "user bit clear"
    if access == "write" and not entry & WRITE:
        return "read-only"
    if access == "execute" and entry & NO_EXECUTE:
        return "no execute"
    return "ok"


class NestedPageTable:
    """The model and the shadow of one machine; tables are taken from one range of the host."""

    def __init__(self, memory: HostMemory, first: Hpa, size: int) -> None:
        self._memory = memory
        self._next = first
        self._end = first + size
        self._withheld: set[Gpa] = set()
        self._tables: dict[tuple[int, int], int] = {}
        """(root, GPA >> 21) -> HPA of the leaf table."""
        self.root = self._new_table()
        """HPA of the shadow's root: the nested CR3."""
        self.model_root = self._new_table()
        """HPA of the model's root."""

    def _new_table(self) -> Hpa:
        table = self._next
        assert table + PAGE_BYTES <= self._end, "the nested tables outgrew their range"
        self._next = Hpa(table + PAGE_BYTES)
        return table

    def _leaf_table(self, root: Hpa, gpa: int) -> int:
        """The table that holds a GPA's leaf, made if it does not exist yet."""
        key = (root, gpa >> 21)
        found = self._tables.get(key)
        if found is not None:
            return found
        table: int = root
        for _, shift in LEVELS[:-1]:
            place = table + 8 * (gpa >> shift & _ENTRIES - 1)
            entry = self._memory.u64(place)
            if not entry & PRESENT:
                entry = self._new_table() | PRESENT | WRITE | USER
                self._memory.put_u64(place, entry)
            table = entry & FRAME
        self._tables[key] = table
        return table

    def map(
        self, gpa: Gpa, hpa: Hpa, count: int, *, write: bool = True, execute: bool = True
    ) -> None:
        """Map `count` pages in a row; both addresses are 4 KiB aligned."""
        flags = PRESENT | USER | (WRITE if write else 0) | (0 if execute else NO_EXECUTE)
        self._fill(gpa, [hpa + PAGE_BYTES * page | flags for page in range(count)])

    def unmap(self, gpa: Gpa, count: int) -> None:
        """Make `count` pages not present."""
        self._fill(gpa, [0] * count)

    def _fill(self, gpa: int, entries: list[int]) -> None:
        """Write leaves in the model and the shadow, a whole table at a time."""
        while entries:
            first = gpa >> 12 & _ENTRIES - 1
            now, entries = entries[: _ENTRIES - first], entries[_ENTRIES - first :]
            packed = struct.pack(f"<{len(now)}Q", *now)
            for root in (self.model_root, self.root):
                self._memory.write(Hpa(self._leaf_table(root, gpa) + 8 * first), packed)
            for page in self._withheld_between(gpa, gpa + PAGE_BYTES * len(now)):
                self._derive(page)
            gpa += PAGE_BYTES * len(now)

    def _withheld_between(self, first: int, end: int) -> list[Gpa]:
        if end - first == PAGE_BYTES:
            return [Gpa(first)] if first in self._withheld else []
        return [page for page in self._withheld if first <= page < end]

    def _derive(self, page: Gpa) -> None:
        """The shadow's leaf: the model's, without what is withheld."""
        entry = self.leaf(page)
        if page in self._withheld:
            entry &= ~WRITE
        place = self._leaf_table(self.root, page) + 8 * (page >> 12 & _ENTRIES - 1)
        self._memory.put_u64(place, entry)

    def leaf(self, gpa: int) -> int:
        """The model's leaf entry of a GPA, 0 where there is none."""
        table = self._tables.get((self.model_root, gpa >> 21))
        return 0 if table is None else self._memory.u64(table + 8 * (gpa >> 12 & _ENTRIES - 1))

    def set_leaf(self, gpa: Gpa, entry: int) -> None:
        """Edit one leaf of the model; the shadow follows."""
        self._fill(page_of(gpa), [entry])

    def hpa_of(self, gpa: int) -> Hpa | None:
        """Where a byte lies by the model, rights aside; None where nothing is mapped."""
        entry = self.leaf(gpa)
        return Hpa(entry & FRAME | gpa & PAGE_MASK) if entry & PRESENT else None

    def protect(self, page: Gpa) -> None:
        """Withhold write permission of one page from the guest."""
        self._withheld.add(page)
        self._derive(page)

    def unprotect(self, page: Gpa) -> None:
        """Give the page's own write permission back."""
        self._withheld.discard(page)
        self._derive(page)
