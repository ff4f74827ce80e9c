"""The kernel proper out of a bzImage: the setup header, and what is compressed behind it.

Source: Linux, Documentation/arch/x86/boot.rst (header, protocol 2.08 for the payload);
scripts/Makefile.lib and arch/x86/boot/compressed/Makefile (the compressions, each but gzip with
the size of what it unpacks to in 4 bytes behind it).
"""

import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from emu.errors import ImageError
from emu.given.plain import plain

MAGIC: Final = b"HdrS"
MAGIC_AT: Final = 0x202
UNPACKED_MAX: Final = 256 << 20
"""Of a kernel; that of a distribution unpacks to some 60 MB."""
_HEADER_BYTES: Final = 0x268
_VERSION_WITH_PAYLOAD: Final = 0x208
_SECTOR: Final = 512
_RELEASE_MAX: Final = 160
"""Bytes that are shown of it."""
_LZ4_LEGACY: Final = b"\x02\x21\x4c\x18"
_LZ4_BLOCK: Final = 8 << 20
"""What a block of the legacy frame unpacks to at most (LZ4 frame format, legacy)."""
_ELF: Final = b"\x7fELF"


def is_bzimage(data: bytes) -> bool:
    """Whether a file begins as a bzImage does."""
    return data[MAGIC_AT : MAGIC_AT + 4] == MAGIC


class BzImage(Struct, frozen=True):
    """What the setup header says."""

    version: int
    """Of the boot protocol, as 0x20F."""
    release: str
    """`6.1.0-50-cloud-amd64 (...) #1 SMP ...`; empty where the file does not say."""
    payload: bytes

    @property
    def protocol(self) -> str:
        """`2.15`"""
        return f"{self.version >> 8}.{self.version & 0xFF:02}"

    @property
    def compression(self) -> str:
        """`LZ4`; empty where it is none that is known."""
        fits = (name for name, magic, _ in _COMPRESSIONS if self.payload.startswith(magic))
        return next(fits, "")


def vmlinux_of(path: Path, data: bytes) -> bytes:
    """The ELF file that a bzImage unpacks to; raises ImageError with one sentence."""
    found = _unpacked(path, read(path, data).payload)
    if found[:4] != _ELF:
        raise ImageError(f"{path}: what is compressed in it is no ELF file")
    return found


def read(path: Path, data: bytes) -> BzImage:
    """The setup header of a bzImage; raises ImageError with one sentence."""
    if len(data) < _HEADER_BYTES:
        raise ImageError(f"{path}: is cut off inside the kernel's setup header")
    (version,) = struct.unpack_from("<H", data, 0x206)
    if version < _VERSION_WITH_PAYLOAD:
        raise ImageError(
            f"{path}: boot protocol {version >> 8}.{version & 0xFF:02} says nothing of where "
            "the kernel proper is: 2.08 (Linux 2.6.26) is the first that does"
        )
    offset, size = struct.unpack_from("<II", data, 0x248)
    first = ((data[0x1F1] or 4) + 1) * _SECTOR + offset
    if not size or first + size > len(data):
        raise ImageError(
            f"{path}: its compressed kernel is at {first:#x} to {first + size:#x}, beyond the "
            f"file's {len(data):,} bytes"
        )
    return BzImage(version, _release(data), data[first : first + size])


def _release(data: bytes) -> str:
    (pointer,) = struct.unpack_from("<H", data, 0x20E)
    text = data[pointer + 0x200 :][:_RELEASE_MAX].partition(b"\0")[0] if pointer else b""
    return plain(text.decode("utf-8", "replace"))


def _unpacked(path: Path, payload: bytes) -> bytes:
    fits = (one for one in _COMPRESSIONS if payload.startswith(one[1]))
    name, _, unpack = next(fits, ("", b"", None))
    if unpack is None:
        known = ", ".join(one[0] for one in _COMPRESSIONS)
        begins = payload[:4].hex(" ")
        raise ImageError(f"{path}: is compressed as none of {known}: it begins with {begins}")
    size = int.from_bytes(payload[-4:], "little")
    if size > UNPACKED_MAX:
        raise ImageError(
            f"{path}: says that it unpacks to {size:,} bytes, and {UNPACKED_MAX >> 20} MiB are "
            "the most"
        )
    try:
        found = unpack(payload, size)
    except ModuleNotFoundError:
        raise ImageError(
            f"{path}: is compressed with {name}: `pip install apdbg[linux]` brings what "
            "unpacks it"
        ) from None
    except Exception as problem:  # each library has errors of its own
        words = str(problem).partition("\n")[0]
        raise ImageError(f"{path}: its {name} data is damaged: {words}") from None
    if len(found) != size:
        raise ImageError(
            f"{path}: its {name} data is damaged: it does not unpack to the {size:,} bytes "
            "that it says"
        )
    return found


def _fed(unpacker: Any, payload: bytes, size: int) -> bytes:
    """What an unpacker of the standard library's kind makes, up to the size that is said."""
    found: bytes = unpacker.decompress(payload, size + 1)
    return found


def _gzip(payload: bytes, size: int) -> bytes:
    return _fed(zlib.decompressobj(wbits=31), payload, size)


def _xz(payload: bytes, size: int) -> bytes:
    return _fed(lzma.LZMADecompressor(memlimit=2 * UNPACKED_MAX), payload, size)


def _zstd(payload: bytes, size: int) -> bytes:
    import zstandard

    with zstandard.ZstdDecompressor(max_window_size=UNPACKED_MAX).stream_reader(payload) as it:
        found: bytes = it.read(size + 1)
    return found


def _lz4(payload: bytes, size: int) -> bytes:
    """Blocks behind their lengths, the file's own size behind the last."""
    import lz4.block

    found, left, at = [], size, len(_LZ4_LEGACY)
    while left > 0 and at + 4 <= len(payload):
        (count,) = struct.unpack_from("<I", payload, at)
        at += 4
        if payload[at - 4 : at] == _LZ4_LEGACY:
            continue  # frames may follow each other
        block = payload[at : at + count]
        most = min(_LZ4_BLOCK, left)
        found.append(lz4.block.decompress(block, uncompressed_size=most))
        left -= len(found[-1])
        at += count
    return b"".join(found)


_COMPRESSIONS: Final[tuple[tuple[str, bytes, Callable[[bytes, int], bytes]], ...]] = (
    ("gzip", b"\x1f\x8b\x08", _gzip),
    ("xz", b"\xfd7zXZ\0", _xz),
    ("zstd", b"\x28\xb5\x2f\xfd", _zstd),
    ("LZ4", _LZ4_LEGACY, _lz4),
)
"""Name, how its data begins, and what unpacks it, given the size that stands behind it."""
