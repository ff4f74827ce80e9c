"""Pages of public digests, and IGVM files whose sums are put right."""

import struct
import zlib
from typing import Final

from emu.hw.address import PAGE_BYTES
from shim.igvm import SNP, File

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
