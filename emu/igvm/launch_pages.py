"""Which pages of a launch count in its digest, and which directive of the file laid each down.

Source: microsoft/igvm, `igvm_defs/src/lib.rs` (IgvmPageDataFlags, IGVM_VHS_PARAMETER_INSERT).
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from emu.hw.address import PAGE_BYTES
from emu.igvm import headers as kinds
from emu.igvm.headers import Header
from emu.igvm.relocation import Relocation

LaidDown = Literal["measured", "unmeasured", "shared", "parameter", "rebuilt"]
"""`parameter`: the host filled it in, and it counts as being there; `rebuilt`: a page table
that the loader made anew because the file was moved."""


class LaunchPages(Struct, frozen=True):
    """Pages in a row that were laid down in one way."""

    gpa: int
    size: int
    how: LaidDown
    directive: str
    """`PAGE_DATA`"""
    at: int
    """Where in the file the first one's header is."""
    apart: int = 0
    """Bytes from one page's header to the next one's; 0: one header laid them all down."""

    def words(self, gpa: int) -> str:
        """`measured, by PAGE_DATA at 0x88` of one of them."""
        at = self.at + (gpa - self.gpa) // PAGE_BYTES * self.apart
        return f"{self.how}, by {self.directive} at {at:#x}"


def launch_pages(headers: Iterable[Header], moved: Relocation) -> tuple[LaunchPages, ...]:
    """All of them, by address; of two directives for one page the later one."""
    pages: dict[int, LaunchPages] = {}
    sizes: dict[int, int] = {}
    for one in headers:
        match one:
            case kinds.ParameterArea():
                sizes[one.index] = one.size
            case kinds.PageData():
                gpa = moved.gpa(one.gpa)
                how = "rebuilt" if moved.in_tables(one.gpa) else _how(one.flags)
                pages[gpa] = LaunchPages(gpa, PAGE_BYTES, how, one.NAME, one.at)
            case kinds.ParameterInsert():
                first = moved.gpa(one.gpa)
                for gpa in range(first, first + sizes[one.index], PAGE_BYTES):
                    pages[gpa] = LaunchPages(gpa, PAGE_BYTES, "parameter", one.NAME, one.at)
    return tuple(_rows(pages[gpa] for gpa in sorted(pages)))


def _how(flags: int) -> LaidDown:
    if flags & kinds.SHARED:
        return "shared"
    return "unmeasured" if flags & kinds.UNMEASURED else "measured"


def _rows(pages: Iterable[LaunchPages]) -> Iterator[LaunchPages]:
    """Neighbours of one kind whose headers are as far apart, as one."""
    row: LaunchPages | None = None
    for page in pages:
        longer = None if row is None else _with(row, page)
        if longer is None and row is not None:
            yield row
        row = longer or page
    if row is not None:
        yield row


def _with(row: LaunchPages, page: LaunchPages) -> LaunchPages | None:
    """The row and one more page; None if it is not of it."""
    if (row.how, row.directive, row.gpa + row.size) != (page.how, page.directive, page.gpa):
        return None
    count = row.size // PAGE_BYTES
    apart = page.at - row.at if count == 1 else row.apart
    if row.at + count * apart != page.at:
        return None
    return replace(row, size=row.size + PAGE_BYTES, apart=apart)


def page_at(rows: tuple[LaunchPages, ...], gpa: int) -> LaunchPages | None:
    """The row that a page is of."""
    index = bisect_right(rows, gpa, key=lambda one: one.gpa) - 1
    found = rows[index] if index >= 0 else None
    return found if found is not None and gpa < found.gpa + found.size else None
