"""The pages by which a loader tells the shim what lies where.

Source: openvmm, `vm/loader/loader_defs/src/shim.rs` (ShimParamsRaw) and `paravisor.rs` (command
line, imported regions). Offsets are from the shim's base, the address of its ELF header.
"""

import struct
from typing import Final

from msgspec import Struct

from emu.hw.address import PAGE_BYTES

COMMAND_LINE_MAX: Final = PAGE_BYTES - 4
IMPORTED_FIRST: Final = 48
"""Offset of the first descriptor in its page, after the SHA-384 of the regions."""
_POLICY_STATIC: Final = 0
"""The measured text alone: nothing of the host's bootargs is appended."""
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

    def pack(self, base: int) -> bytes:
        """The 0xC0 bytes, relative to the shim's base."""

        def relative(extent: Range) -> Range:
            return (extent[0] - base if extent[1] else 0), extent[1]

        used_end = sum(self.used)
        return _PARAMETERS.pack(
            self.kernel_entry - base, self.command_line - base, *relative(self.initrd),
            self.initrd_crc, self.isolation_type, *relative(self.memory),
            *relative(self.parameter_region), *relative(self.reserved), 0, 0, 0,
            self.used[0] - base, used_end - base, *relative(self.bounce), *relative(self.log),
            *relative(self.heap), *relative(self.persisted),
        )  # fmt: skip


def command_line_page(text: bytes) -> bytes:
    """ParavisorCommandLine: u16 policy, u16 length, the text."""
    assert len(text) <= COMMAND_LINE_MAX, "the caller checks what a user typed"
    return struct.pack("<HH", _POLICY_STATIC, len(text)) + text


def imported_descriptors(ranges: tuple[Range, ...]) -> bytes:
    """Ascending (first page, pages, accepted = 1) descriptors; an empty one ends the list."""
    return b"".join(
        struct.pack("<QQB7x", gpa // PAGE_BYTES, size // PAGE_BYTES, 1) for gpa, size in ranges
    )
