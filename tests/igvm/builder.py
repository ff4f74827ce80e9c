"""Pages of public digests, and IGVM files whose sums are put right."""

import struct
import zlib
from typing import Final

from emu.hw.address import PAGE_BYTES
from shim.igvm import SNP, TDX, VBS, File

MASK: Final = 1
PAGES: Final = tuple(
    (number, b"\0\5" if number in (0, 10) else b"", number not in range(5, 10))
    for number in range(11)
)
"""(page, how it begins, measured): those of the public digests in openvmm,
`vm/loader/igvmfilegen/src/file_loader.rs`, tests at its end."""


def sealed(data: bytes) -> bytes:
    """The bytes with sizes and checksum of the fixed header as they have to be."""
    version, begin, size = struct.unpack_from("<III", data, 4)
    fixed = 24 if version == 1 else 32
    head = bytearray(data[:fixed])
    struct.pack_into("<I", head, 0x10, len(data))
    head[0x14:0x18] = bytes(4)
    checksum = zlib.crc32(data[begin : begin + size], zlib.crc32(head))
    head[0x14:0x18] = struct.pack("<I", checksum)
    return bytes(head) + data[fixed:]


def of_pages(kind: int) -> File:
    """The pages of the public digests, on one platform."""
    file = File().platform(kind)
    if kind == SNP:
        file.policy(0x3001F)
    for number, data, measured in PAGES:
        file.page(number * PAGE_BYTES, data, flags=0 if measured else 2)
    return file.page(20 * PAGE_BYTES, b"\0\5", flags=4)


def of_everything() -> bytes:
    """A file with every kind of header that a loader of ours looks at, for two platforms; it
    may move, and halts."""
    at, mask = 0x820_0000, 1
    file = File().platform(VBS, mask).platform(TDX, 2, shared=1 << 47).policy(2, mask=2)
    file.header(
        0x102, struct.pack("<IHBBQQQQQ", mask, 0, 2, 7, 1 << 21, at, 1 << 21, 0, 1 << 40)
    )
    tables = at + (1 << 21)
    file.header(0x103, struct.pack("<IHBBQQQ", mask, 0, 2, 0, tables, 0x6000, 0x3000))
    file.header(0x104, struct.pack("<IIII", mask, 0, 8, 0), 4, b"document")
    file.header(0x305, struct.pack("<QIIII", at, mask, 1 << 22, 1, 0))
    file.area(3, 0x2000)
    for number, kind in enumerate(
        (0x307, 0x308, 0x309, 0x30A, 0x30C, 0x30E, 0x30F, 0x310, 0x313)
    ):
        file.header(kind, struct.pack("<II", 3, 0x100 * number))
    file.area(4, 0x40000).header(0x312, struct.pack("<II", 4, 0))
    file.vbs_context({0x20010: at, 0x20006: 7, 0x20004: at + 0x800, 0x20008: 8, 0x20011: 2,
                      0x40000: 0x8000_0021, 0x40002: tables, 0x40003: 0x20, 0x80001: 0xD00,
                      0x80004: 0x0007_0406_0007_0406, 0x8000E: 0xC06})  # fmt: skip
    file.insert(3, at + 0x10000, mask=3).insert(4, at + 0x20000, mask=3)
    file.page(at, b"\xf4\xeb\xfd", mask=3).page(at + 0x1000, flags=2)
    leaves = struct.pack("<512Q", *(page << 21 | 0xE3 for page in range(512)))
    file.page(tables, struct.pack("<Q", tables + 0x1000 | 0x23))
    file.page(tables + 0x1000, struct.pack("<Q", tables + 0x2000 | 0x23))
    file.page(tables + 0x2000, leaves)
    file.page(0xFFFF_F000, b"\xf4".rjust(0xFF1, b"\x90"), mask=2)
    file.page(at + 0x5000, b"for the host", flags=4, mask=2)
    return file.header(0x30D, struct.pack("<QII", at + 0x6000, mask, 0x1000)).bytes()
