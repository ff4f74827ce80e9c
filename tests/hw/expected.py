"""What the processor does on a walk beside translating: bits that it sets, a fault it takes."""

from emu.hw.address import Gpa
from emu.hw.nested_walk import ACCESSED, DIRTY
from emu.hw.page_walk import PageWalk
from emu.hw.paging_modes import has_rights

NESTED_FINAL, NESTED_TABLE = 1 << 32, 1 << 33
"""EXITINFO1 of a nested fault: at the translated address, or at a guest table on the way."""


def nested_fault(found: PageWalk) -> tuple[Gpa, int] | None:
    """GPA and EXITINFO1 of the nested page fault, if that is a walk's verdict (APM 2,
    15.25.6)."""
    if found.verdict == "nested fault in a table":
        nested = found.levels[-1].nested
        return nested.gpa, nested.error_code | NESTED_TABLE
    if found.verdict == "nested fault at the page" and found.nested is not None:
        return found.nested.gpa, found.nested.error_code | NESTED_FINAL
    return None


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
