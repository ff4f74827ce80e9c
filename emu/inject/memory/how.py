"""Entries of page tables that say something else: what these kinds share."""

from emu.hw.address import PAGE_BYTES
from emu.inject.parameter import Parameter, one_of

HOW = Parameter(
    "HOW", "absent, read-only, nx or wrong", one_of("absent", "read-only", "nx", "wrong")
)
GUEST_HOW = Parameter(
    "HOW", "absent, read-only, nx, wrong or uncached",
    one_of("absent", "read-only", "nx", "wrong", "uncached"),
)  # fmt: skip
_PRESENT, _WRITE, _NO_EXECUTE = 1, 1 << 1, 1 << 63
_PWT_PCD = 3 << 3


def edited(entry: int, how: str, page_bytes: int = PAGE_BYTES) -> int:
    """An entry of a guest's or a nested table, changed; `wrong` leads to the next page."""
    match how:
        case "absent":
            return entry & ~_PRESENT
        case "read-only":
            return entry & ~_WRITE
        case "nx":
            return entry | _NO_EXECUTE
        case "uncached":
            return entry | _PWT_PCD
    return entry + page_bytes
