"""A Multiboot 1 kernel: entered in 32-bit protected mode without paging, on the BSP alone.

It finds 0x2BADB002 in EAX and the boot information in EBX. Source: Multiboot Specification
0.6.96, 3.1 (header), 3.2 (machine state) and 3.3 (boot information).
"""

import struct
from typing import Final

from msgspec.structs import replace

from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.contracts.flat import laid
from emu.boot.entry import EntryState, long_mode
from emu.boot.file_kinds import MULTIBOOT, MULTIBOOT_BYTES
from emu.boot.image import Image
from emu.boot.layout import BootLayout, Builder
from emu.errors import ImageError, PlatformError
from emu.hw.address import PAGE_BYTES

LOADED: Final = 0x2BADB002
_GDT: Final = struct.pack("<3Q", 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF)
_CODE, _DATA = 8, 16
_CR0_ET_PE: Final = 0x11
_LOADER: Final = 0x5_0000
"""What the loader leaves: below it, but for the first page, is room for code of APs."""
_LOW_KIB: Final = 640
_HIGH: Final = 1 << 20
_UNKNOWN: Final = 0xFFFC
"""Flags that a loader must know, or not load: all of bits 15:0 but pages and memory."""
_MEMORY, _CMDLINE, _MAP = 1 << 0, 1 << 2, 1 << 6
_INFO_BYTES: Final = 88
_MAP_ENTRY: Final = struct.Struct("<IQQI")
_AVAILABLE: Final = 1


def header_flags(data: bytes) -> int | None:
    """The flags of the header; None if there is none with a right checksum."""
    for at in range(0, min(len(data), MULTIBOOT_BYTES) - 11, 4):
        if data[at : at + 4] == MULTIBOOT:
            magic, flags, check = struct.unpack_from("<3I", data, at)
            if (magic + flags + check) & 0xFFFFFFFF == 0:
                return int(flags)
    return None


def recognise(image: Image) -> bool:
    """Whether the file has the header."""
    return header_flags(image.data) is not None


def lay_out(loaded: Loaded) -> BootLayout:
    """The kernel where it is linked; raises ImageError or PlatformError."""
    image, platform = loaded.image, loaded.platform
    flags = header_flags(image.data) or 0
    if flags & _UNKNOWN:
        raise ImageError(
            f"{image.path}: its multiboot header wants {flags & _UNKNOWN:#x}, which is not here"
        )
    if platform.isolation != "none" or platform.start != "sipi":
        raise PlatformError(
            f"{image.path}: is {CONTRACT.words}, which boots on --platform sipi and not on "
            f"{platform.name}"
        )
    memory = (0, platform.memory_bytes)
    if image.first < _HIGH or image.first + image.size > memory[1]:
        raise ImageError(
            f"{image.path}: lies at {image.first:#x} to {image.first + image.size:#x}, and "
            f"memory for it at {_HIGH:#x} to {memory[1]:#x}: raise --memory, or link it there"
        )
    build = Builder(_LOADER)
    gdt = build.place("GDT", _GDT)
    line = build.place("command line", loaded.cmdline.encode() + b"\0")
    info, _ = build.take("boot information", PAGE_BYTES)
    build.chunks.append((info, _information(info, line, memory[1])))
    placed = build.load("kernel", image, image.first)
    state = _entry(image.entry, info, gdt)
    return laid(placed, (memory,), tuple(build.chunks), (state,), tuple(build.regions))


def _information(at: int, line: int, memory_bytes: int) -> bytes:
    """Memory, command line and memory map."""
    ranges = ((0, _LOW_KIB << 10), (_HIGH, memory_bytes - _HIGH))
    entries = b"".join(_MAP_ENTRY.pack(20, *one, _AVAILABLE) for one in ranges)
    found = bytearray(_INFO_BYTES)
    struct.pack_into("<3I", found, 0, _MEMORY | _CMDLINE | _MAP, _LOW_KIB, ranges[1][1] >> 10)
    struct.pack_into("<I", found, 16, line)
    struct.pack_into("<2I", found, 44, len(entries), at + _INFO_BYTES)
    return bytes(found) + entries


def _entry(rip: int, info: int, gdt: int) -> EntryState:
    return replace(
        long_mode(rip, 0, 0, gdt, len(_GDT)), kind="protected", cr0=_CR0_ET_PE, cr4=0, efer=0,
        code_selector=_CODE, data_selector=_DATA,
        registers=(("rax", LOADED), ("rbx", info)),
    )  # fmt: skip


CONTRACT: Final = Contract(
    "multiboot",
    "a multiboot kernel",
    recognise,
    lay_out,
    takes=("cmdline",),
    hands_over=False,
    platform="sipi",
)
