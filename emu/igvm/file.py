"""Reads an IGVM file: its fixed header, its variable headers in order, and bytes of its data.

Source: microsoft/igvm, `igvm_defs/src/lib.rs`. What the reference reader (`igvm/src/lib.rs`)
lets pass and a loader would trip over is refused here too: offsets into the headers, data
beyond the end, padding that is not zero.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from msgspec import Struct

from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES, align_up
from emu.igvm import checks
from emu.igvm.headers import KINDS, OPTIONAL, SECTIONS, Header, LaunchPlatform, mask_of

FILE_BYTES_MAX: Final = 256 << 20
"""An OpenHCL file with debug information has some 100 MB."""
MAGIC: Final = b"IGVM"
_FIXED: Final = struct.Struct("<4sIIIII")
_FIXED_V2: Final = struct.Struct("<4sIIIIIII")
_CHECKSUM: Final = slice(0x14, 0x18)
_HEAD: Final = struct.Struct("<II")
_ARCHITECTURES: Final = {0: "x64", 1: "AArch64"}


class Igvm(Struct, frozen=True, dict=True):
    """A file that is whole: every header is one that a loader can follow."""

    path: Path
    version: int
    architecture: str
    checksum: int
    headers: tuple[Header, ...]
    """In the order of the file, which is that of measuring."""
    skipped: tuple[tuple[int, int], ...]
    """(place, type) of headers that nobody needs to know."""
    data_begins: int
    whole: bytes
    """All bytes of the file."""

    @cached_property
    def platforms(self) -> tuple[LaunchPlatform, ...]:
        """Those that the file is for, in its order."""
        return tuple(one for one in self.headers if isinstance(one, LaunchPlatform))

    def on(self, platform: LaunchPlatform) -> Iterator[Header]:
        """The headers that hold on a platform, its own left out."""
        for one in self.headers:
            mask = mask_of(one)
            if not isinstance(one, LaunchPlatform) and (mask is None or mask & platform.mask):
                yield one

    def data(self, offset: int, count: int) -> bytes:
        """So many bytes of the file; offset 0 means zeros."""
        return self.whole[offset : offset + count] if offset else bytes(count)


def parse_igvm(path: Path, data: bytes) -> Igvm:
    """Read an IGVM file from its bytes; raises ImageError."""
    if data[:4] != MAGIC:
        raise ImageError(f"{path}: is not an IGVM file")
    version, architecture, begin, end, checksum = _fixed(path, data)
    headers: list[Header] = []
    skipped: list[tuple[int, int]] = []
    section = 0
    for at, kind, payload in _walk(path, data, begin, end):
        known = KINDS.get(kind)
        if known is None:
            if not kind & OPTIONAL:
                raise ImageError(f"{path}: header at {at:#x}: nobody knows type {kind:#x}")
            skipped.append((at, kind))
            continue
        before, section = section, next(i for i, some in enumerate(SECTIONS) if kind in some)
        if section < before:
            raise ImageError(f"{path}: {known.NAME} at {at:#x}: stands behind its section")
        if len(payload) != known.LAYOUT.size:
            raise ImageError(
                f"{path}: {known.NAME} at {at:#x}: has {len(payload)} bytes, not "
                f"{known.LAYOUT.size}"
            )
        headers.append(known.read(at, payload))
    found = Igvm(
        path, version, architecture, checksum, tuple(headers), tuple(skipped), end, data
    )
    trouble = checks.trouble(found.headers, end, len(data), architecture)
    if trouble:
        raise ImageError(f"{path}: {trouble}")
    return found


def _fixed(path: Path, data: bytes) -> tuple[int, str, int, int, int]:
    """(version, architecture, begin and end of the variable headers, checksum)."""
    if len(data) < _FIXED.size:
        raise ImageError(f"{path}: is cut off inside the IGVM header")
    _, version, begin, size, total, checksum = _FIXED.unpack_from(data)
    fixed, architecture, page = _FIXED.size, 0, PAGE_BYTES
    if version == 2 and len(data) >= _FIXED_V2.size:
        fixed = _FIXED_V2.size
        *_, architecture, page = _FIXED_V2.unpack_from(data)
    elif version != 1:
        raise ImageError(f"{path}: is IGVM version {version}; apdbg reads 1 and 2")
    end = begin + size
    reasons = (
        (architecture not in _ARCHITECTURES, f"is for architecture {architecture}"),
        (page != PAGE_BYTES, f"has pages of {page:,} bytes, not {PAGE_BYTES:,}"),
        (total != len(data), f"has {len(data):,} bytes, and its header says {total:,}"),
        (begin < fixed, f"its variable headers begin at {begin:#x}, in the fixed header"),
        (begin % 8, f"its variable headers begin at {begin:#x}, no multiple of 8"),
        (end > len(data), f"its variable headers end at {end:#x}, behind the file"),
    )
    for wrong, words in reasons:
        if wrong:
            raise ImageError(f"{path}: {words}")
    head = bytearray(data[:fixed])
    head[_CHECKSUM] = bytes(4)
    found = zlib.crc32(data[begin:end], zlib.crc32(head))
    if found != checksum:
        raise ImageError(
            f"{path}: is damaged: the checksum of its headers is {found:#010x}, and the file "
            f"says {checksum:#010x}"
        )
    return version, _ARCHITECTURES[architecture], begin, end, checksum


def _walk(path: Path, data: bytes, at: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """(place, type, payload) of each variable header."""
    while at < end:
        if at + _HEAD.size > end:
            raise ImageError(f"{path}: header at {at:#x}: is cut off")
        kind, length = _HEAD.unpack_from(data, at)
        first, last = at + _HEAD.size, at + _HEAD.size + length
        if last > end:
            raise ImageError(f"{path}: header at {at:#x}: has {length:,} bytes, too many")
        after = min(align_up(last, 8), end)
        if any(data[last:after]):
            raise ImageError(f"{path}: header at {at:#x}: is not padded with zeros")
        yield at, kind, data[first:last]
        at = after
