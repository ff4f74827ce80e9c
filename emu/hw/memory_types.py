"""How a CPU caches a page: PAT and the bits of the leaf entry (SDM 3, 12.12.3)."""

from typing import Final

from emu.hw.address import PAGE_BYTES
from emu.hw.context import Context

_NAMES: Final = {0: "UC", 1: "WC", 4: "WT", 5: "WP", 6: "WB", 7: "UC-"}
_CD: Final = 1 << 30
_PWT_PCD: Final = 3
_SMALL, _LARGE = 7, 12
"""The bit of a leaf that is PAT: of a 4 KiB page, and of a larger one."""


def names(pat: int) -> tuple[str, ...]:
    """The eight memory types of IA32_PAT, PA0 first; `?` for what is reserved."""
    return tuple(_NAMES.get(pat >> shift & 7, "?") for shift in range(0, 64, 8))


def memory_type(context: Context, leaf: int, page_bytes: int) -> str:
    """`WB`, `UC-`, ... of a page by the entry that maps it. The range registers and the nested
    table may make it less than that, for all CPUs alike."""
    if context.get("cr0") & _CD:
        return "UC"
    pat_bit = _SMALL if page_bytes == PAGE_BYTES else _LARGE
    index = leaf >> 3 & _PWT_PCD | (leaf >> pat_bit & 1) << 2
    return names(context.get("pat"))[index]
