"""Lists of address ranges: .debug_rnglists (DWARF 5, 7.25 and 2.17.3), and .debug_ranges of
DWARF 2 to 4."""

from collections.abc import Callable
from typing import Final

from emu.boot.dwarf_forms import uleb

Ranges = tuple[tuple[int, int], ...]
"""[start, end) of addresses."""
RANGES_MAX: Final = 100_000
"""Of one list; a damaged one may have no end."""


def _word(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError("behind the end of the ranges")
    return int.from_bytes(data[at : at + size], "little")


def old_listed(data: bytes, at: int, base: int, size: int) -> Ranges:
    """A list of .debug_ranges: pairs of addresses of `size` bytes, up to two zeros."""
    found: list[tuple[int, int]] = []
    while len(found) < RANGES_MAX:
        first, end = _word(data, at, size), _word(data, at + size, size)
        at += 2 * size
        if first == (1 << 8 * size) - 1:
            base = end
        elif not first and not end:
            break
        elif first < end:
            found.append((base + first, base + end))
    return tuple(found)


def listed(data: bytes, at: int, base: int, indexed: Callable[[int], int], size: int) -> Ranges:
    """A list of .debug_rnglists with addresses of `size` bytes; `indexed` reads one of
    .debug_addr."""
    found: list[tuple[int, int]] = []
    while len(found) < RANGES_MAX:
        kind, at = data[at], at + 1
        first = end = 0
        match kind:
            case 0:  # DW_RLE_end_of_list
                break
            case 1:  # base_addressx
                index, at = uleb(data, at)
                base = indexed(index)
            case 2 | 3:  # startx_endx, startx_length
                index, at = uleb(data, at)
                other, at = uleb(data, at)
                first = indexed(index)
                end = indexed(other) if kind == 2 else first + other
            case 4:  # offset_pair
                first, at = uleb(data, at)
                end, at = uleb(data, at)
                first, end = base + first, base + end
            case 5:  # base_address
                base, at = _word(data, at, size), at + size
            case 6:  # start_end
                first, end = _word(data, at, size), _word(data, at + size, size)
                at += 2 * size
            case 7:  # start_length
                first, at = _word(data, at, size), at + size
                count, at = uleb(data, at)
                end = first + count
            case _:
                raise ValueError(f"no range list entry: {kind}")
        if first < end:
            found.append((first, end))
    return tuple(found)
