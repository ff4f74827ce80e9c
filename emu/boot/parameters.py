"""The pages by which a loader tells the shim what lies where.

Source: openvmm, `vm/loader/loader_defs/src/shim.rs` (ShimParamsRaw) and `paravisor.rs` (command
line, imported regions, expected page hashes); `vm/loader/igvmfilegen/src/file_loader.rs` (what
is hashed). Offsets are from the shim's base, the address of its ELF header.
"""

import hashlib
import struct
from typing import Final

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, align_up

COMMAND_LINE_MAX: Final = PAGE_BYTES - 4
IMPORTED_FIRST: Final = 48
"""Offset of the first descriptor in its page, after the SHA-384 of the regions."""
HASHES_MAX: Final = 21_845
"""Hashes of single pages, of which there is room for 256 pages."""
_HASHES: Final = struct.Struct("<4sIII")
_HASHES_VERSION: Final = 1
_PARAMETERS: Final = struct.Struct("<qqqQIIqQqQqQqQqqqqQqQqQqQ")
assert _PARAMETERS.size == 0xC0, "ShimParamsRaw"

Range = tuple[int, int]
"""(GPA, bytes)."""


class ShimParameters(Struct, frozen=True):
    """ShimParamsRaw in GPAs; a range of 0 bytes is absent."""

    kernel_entry: int
    command_line: int
    initrd: Range
    initrd_crc: int
    isolation_type: int
    """What the image is built for: 1 VBS (or no isolation), 3 TDX."""
    memory: Range
    parameter_region: Range
    reserved: Range
    used: Range
    """From the first to the last byte that the loader placed, whole 2 MiB."""
    bounce: Range
    log: Range
    heap: Range
    persisted: Range
    sidecar: Range = (0, 0)
    """As it is in memory: its size is rounded up to pages."""
    sidecar_entry: int = 0

    def pack(self, base: int) -> bytes:
        """The 0xC0 bytes, relative to the shim's base."""

        def relative(extent: Range) -> Range:
            return (extent[0] - base if extent[1] else 0), extent[1]

        used_end = sum(self.used)
        sidecar = self.sidecar[0], align_up(self.sidecar[1], PAGE_BYTES)
        sidecar_entry = self.sidecar_entry - base if self.sidecar[1] else 0
        return _PARAMETERS.pack(
            self.kernel_entry - base, self.command_line - base, *relative(self.initrd),
            self.initrd_crc, self.isolation_type, *relative(self.memory),
            *relative(self.parameter_region), *relative(self.reserved),
            *relative(sidecar), sidecar_entry, self.used[0] - base, used_end - base,
            *relative(self.bounce), *relative(self.log), *relative(self.heap),
            *relative(self.persisted),
        )  # fmt: skip


def command_line_page(text: bytes, policy: int) -> bytes:
    """ParavisorCommandLine: u16 policy, u16 length, the text. Policy 0: the measured text
    alone; 1: the host's bootargs behind it."""
    assert len(text) <= COMMAND_LINE_MAX, "the caller checks what a user typed"
    return struct.pack("<HH", policy, len(text)) + text


def imported_descriptors(ranges: tuple[tuple[Range, bool], ...]) -> bytes:
    """Ascending (first page, pages, accepted) descriptors; an empty one ends the list."""
    return b"".join(
        struct.pack("<QQB7x", gpa // PAGE_BYTES, size // PAGE_BYTES, accepted)
        for (gpa, size), accepted in ranges
    )


def imported_hash(pages: bytes) -> bytes:
    """ImportedRegionsPageHeader: the SHA-384 of all that is not accepted yet, by address."""
    return hashlib.sha384(pages).digest()


def page_hashes(pages: bytes) -> bytes:
    """ExpectedPageHashesHeader, and the SHA-384 of each of these pages."""
    count = len(pages) // PAGE_BYTES
    assert count <= HASHES_MAX, "the caller checks it"
    header = _HASHES.pack(b"EPHS", _HASHES_VERSION, count, 0)
    return header + b"".join(
        hashlib.sha384(pages[at : at + PAGE_BYTES]).digest()
        for at in range(0, len(pages), PAGE_BYTES)
    )
