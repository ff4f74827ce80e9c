"""The page at the reset vector of a TD: the trampoline's code and the context it loads.

Source: openvmm, `TdxTrampolineContext` in `vm/loader/loader_defs/src/shim.rs`. The BSP loads
all of it; the shim patches it before it starts the APs.
"""

import struct
from pathlib import Path
from typing import Final

from emu.boot.entry import EntryState
from emu.boot.file_kinds import ELF
from emu.boot.image import PF_X, Image, ImageSegment, parse_image
from emu.errors import ImageError
from emu.given.files import read_file
from emu.hw.address import PAGE_BYTES, RESET_PAGE

_FILE_BYTES_MAX: Final = 16 << 20
_RESET_VECTOR: Final = 0xFFFF_FFF0

_STATIC_GDT: Final = 0x98
_STATIC_GDT_LIMIT: Final = 0xF
"""Two descriptors: selector 8 is 64-bit code, on the way from 32-bit mode."""


def load_reset_page(path: str | Path) -> Image:
    """An ELF file linked at its place, or the bytes of the page, which have no symbols; raises
    ImageError."""
    place = Path(path)
    data = read_file(place, _FILE_BYTES_MAX, ImageError)
    if data[: len(ELF)] == ELF:
        return parse_image(place, data)
    if len(data) != PAGE_BYTES:
        raise ImageError(
            f"{place}: a reset page is an ELF file, or the {PAGE_BYTES:,} bytes from "
            f"{RESET_PAGE:#x} to 4 GiB, not {len(data):,}"
        )
    page = ImageSegment(RESET_PAGE, data, PAGE_BYTES, PF_X)
    return Image(place, "executable", _RESET_VECTOR, (page,), (), data)


def reset_page(reset: Image, entry: EntryState) -> bytes:
    """The page, with the context that leads the BSP to `entry`; raises ImageError."""
    page = bytearray(PAGE_BYTES)
    for segment in reset.segments:
        offset = segment.address - RESET_PAGE
        if offset < 0 or offset + segment.memory_bytes > PAGE_BYTES:
            raise ImageError(
                f"{reset.path}: a reset page lies from {RESET_PAGE:#x} to 4 GiB, "
                f"not at {segment.address:#x}"
            )
        page[offset : offset + len(segment.data)] = segment.data
    struct.pack_into("<HH", page, 0x14, entry.data_selector, _STATIC_GDT_LIMIT)
    struct.pack_into("<I", page, 0x18, RESET_PAGE + _STATIC_GDT)
    struct.pack_into("<HHQ", page, 0x1C, 0, 0, 0)  # no task register, no IDT
    struct.pack_into("<Q", page, 0x28, entry.rip)
    struct.pack_into("<H4xHQ", page, 0x30, entry.code_selector, entry.gdt_limit, entry.gdt_base)
    struct.pack_into("<QQQ", page, 0x40, 0, 0, entry.rsi)  # RSP, RBP, RSI
    struct.pack_into("<QQQI", page, 0x78, entry.cr0, entry.cr3, entry.cr4, entry.cr3)
    return bytes(page)
