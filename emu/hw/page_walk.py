"""What a walk of the guest's page tables found: entries, accesses, verdict, and the fault."""

from typing import Final, Literal

from msgspec import Struct

from emu.hw.address import Gpa, Gva, Hpa
from emu.hw.nested_walk import AccessKind, NestedWalk, bits_in_words
from emu.hw.paging_modes import PagingMode

SHARED_BIT: Final = 47
"""Bit of a TD's physical addresses that asks for the shared view (GPAW 48)."""

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
