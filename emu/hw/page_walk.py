"""What a walk of the guest's page tables found: entries, accesses, verdict, and the fault."""

from typing import Final, Literal

from msgspec import Struct

from emu.hw.address import Gpa, Gva, Hpa
from emu.hw.nested_walk import ACCESSED, DIRTY, AccessKind, NestedWalk, bits_in_words
from emu.hw.paging_modes import PagingMode, has_rights

SHARED_BIT: Final = 47
"""Bit of a TD's physical addresses that asks for the shared view (GPAW 48)."""
NESTED_FINAL, NESTED_TABLE = 1 << 32, 1 << 33
"""EXITINFO1 of a nested fault: at the translated address, or at a guest table on the way."""

WalkVerdict = Literal[
    "ok", "not canonical", "page fault", "nested fault in a table", "nested fault at the page"
]


class PageLevel(Struct, frozen=True):
    """One guest entry: where it lies for the guest, and the nested walk that finds it."""

    name: str
    index: int
    entry_gpa: Gpa
    nested: NestedWalk
    value: int
    leaf: bool
    reserved: int = 0
    """The bits of the entry that are set and must not be."""

    @property
    def words(self) -> str:
        """The entry's bits in words."""
        return bits_in_words(self.name, self.value)


class WalkStep(Struct, frozen=True):
    """One memory access of a two-dimensional walk."""

    table: Literal["guest", "nested"]
    purpose: str
    """The guest entry that is read or looked for, such as `L3`, or `page`."""
    name: str
    hpa: Hpa
    value: int
    words: str


class PageWalk(Struct, frozen=True):
    """A two-dimensional walk. `gpa` and `hpa` are None unless the walk got that far."""

    gva: Gva
    access: AccessKind
    mode: PagingMode
    levels: tuple[PageLevel, ...]
    page_bytes: int
    """Size of the page if the walk found its leaf, else 0."""
    gpa: Gpa | None
    nested: NestedWalk | None
    """The nested walk of the final address."""
    hpa: Hpa | None
    verdict: WalkVerdict
    error_code: int
    """Error code of the page fault, if that is the verdict."""
    why: str

    @property
    def nested_fault(self) -> tuple[Gpa, int] | None:
        """GPA and EXITINFO1 of the nested page fault, if that is the verdict."""
        if self.verdict == "nested fault in a table":
            found = self.levels[-1].nested
            return found.gpa, found.error_code | NESTED_TABLE
        if self.verdict == "nested fault at the page" and self.nested is not None:
            return self.nested.gpa, self.nested.error_code | NESTED_FINAL
        return None

    def steps(self) -> tuple[WalkStep, ...]:
        """Every memory access in order: 24 for a 4 KiB page through four and four levels."""
        found: list[WalkStep] = []
        for level in self.levels:
            found += _nested_steps(level.name, level.nested)
            if level.nested.hpa is not None:
                row = (level.name, level.name, level.nested.hpa, level.value, level.words)
                found.append(WalkStep("guest", *row))
        return (*found, *(_nested_steps("page", self.nested) if self.nested else ()))

    def lines(self) -> tuple[str, ...]:
        """The walk as a person reads it: guest levels, and where each lies in the host."""
        rows = [f"gva {self.gva:#x} {self.access}"]
        for level in self.levels:
            place = f"  {level.name}[{level.index:03}] gpa {level.entry_gpa:#x}"
            if level.nested.hpa is None:
                rows.append(f"{place} nested: {level.nested.why}")
            else:
                entry = f"= {level.value:016x} {level.words}"
                rows.append(f"{place} (hpa {level.nested.hpa:#x}) {entry}")
        if self.gpa is not None:
            rows.append(f"  page gpa {self.gpa:#x}")
        if self.nested is not None:
            rows += [f"    {row}" for row in self.nested.lines()]
        return (*rows, f"  verdict: {self.verdict}" + (f": {self.why}" if self.why else ""))


def _nested_steps(purpose: str, found: NestedWalk) -> list[WalkStep]:
    return [
        WalkStep("nested", purpose, level.name, level.entry_hpa, level.value, level.words)
        for level in found.levels
    ]


def expected_accessed(found: PageWalk) -> tuple[tuple[Gpa, int], ...]:
    """(entry GPA, bits A and D) that the processor sets on this walk, in order.

    An entry that the walk passes gets A, also when the walk fails further down; the leaf gets
    A, and D for a write, once the guest's own rights allow the access.
    """
    marks: list[tuple[Gpa, int]] = []
    allowed = found.verdict in ("ok", "nested fault at the page")
    passed = found.levels if found.page_bytes else found.levels[:-1]
    for level in passed:
        if not level.leaf and has_rights(found.mode, level.name):
            marks.append((level.entry_gpa, ACCESSED))
        elif level.leaf and allowed:
            dirty = DIRTY if found.access == "write" else 0
            marks.append((level.entry_gpa, ACCESSED | dirty))
    return tuple(marks)
