"""Linux kernels of a few bytes: a vmlinux in the upper half, and bzImages around anything."""

import gzip
import lzma
import struct
from collections.abc import Callable
from typing import Final

import lz4.block
import zstandard

from tests.boot.elf import EXECUTABLE, NOTYPE, Load, Sym, elf

PLACE: Final = 0x100_0000
"""Where it is put (CONFIG_PHYSICAL_START of x86-64)."""
ABOVE: Final = 0xFFFF_FFFF_8000_0000
"""__START_KERNEL_map: what its addresses are more than the places."""
SETUP_SECTORS: Final = 5


def vmlinux(code: bytes, *, entry: int = 0, symbols: tuple[Sym, ...] = ()) -> bytes:
    """An ELF file whose code is linked in the upper half; `entry`: offset of the first
    instruction, whose physical address the header has."""
    rows = symbols or (Sym("startup_64", PLACE + ABOVE + entry, type=NOTYPE),)
    load = Load(PLACE, code, above=ABOVE)
    return elf(load, kind=EXECUTABLE, entry=PLACE + entry, symbols=rows)


def bzimage(
    payload: bytes,
    *,
    version: int = 0x20F,
    length: int | None = None,
    offset: int = 0x40,
    sectors: int = SETUP_SECTORS,
) -> bytes:
    """A file by the table of boot.rst, "The Real-Mode Kernel Header"."""
    head = bytearray((SETUP_SECTORS + 1) * 512 + 0x40)
    for at, form, value in (
        (0x000, "<2s", b"MZ"),  # the EFI stub
        (0x1F1, "<B", sectors),
        (0x1FE, "<H", 0xAA55),
        (0x202, "<4s", b"HdrS"),
        (0x206, "<H", version),
        (0x248, "<I", offset),
        (0x24C, "<I", len(payload) if length is None else length),
    ):
        struct.pack_into(form, head, at, value)
    return bytes(head) + payload + bytes(64)


def sized(packed: bytes, size: int) -> bytes:
    """With the size behind it, as scripts/Makefile.lib's size_append has it."""
    return packed + struct.pack("<I", size)


def lz4_legacy(data: bytes, block: int = 8 << 20) -> bytes:
    """As `lz4 -l` writes it: the magic number, and blocks behind their lengths."""
    rows = [b"\x02\x21\x4c\x18"]
    for at in range(0, len(data), block):
        packed = lz4.block.compress(data[at : at + block], store_size=False)
        rows += [struct.pack("<I", len(packed)), packed]
    return b"".join(rows)


def _zstd(data: bytes) -> bytes:
    """With a checksum, as `zstd` writes it."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


COMPRESSIONS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,  # whose format ends with the size
    "xz": lambda data: sized(lzma.compress(data, check=lzma.CHECK_CRC32), len(data)),
    "zstd": lambda data: sized(_zstd(data), len(data)),
    "LZ4": lambda data: sized(lz4_legacy(data), len(data)),
}
"""Name -> what a kernel's Makefile makes of the bytes of its vmlinux."""
