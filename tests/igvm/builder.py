"""Builds IGVM files for tests: headers by name and fields, data behind them, sums as due."""

import struct
import zlib
from typing import Final

from emu.hw.address import PAGE_BYTES, align_up

MASK: Final = 1
NATIVE, VBS, SNP, TDX = 0, 1, 2, 3
PAGES: Final = tuple(
    (number, b"\0\5" if number in (0, 10) else b"", number not in range(5, 10))
    for number in range(11)
)
"""(page, how it begins, measured): those of the public digests in openvmm,
`vm/loader/igvmfilegen/src/file_loader.rs`, tests at its end."""


class File:
    """What becomes an IGVM file: `header` and `data` in any order, then `bytes`."""

    def __init__(self, version: int = 1, architecture: int = 0) -> None:
        self._version, self._architecture = version, architecture
        self._headers: list[tuple[int, bytes]] = []
        self._data = b""
        self._places: list[tuple[int, int, int]] = []

    def header(self, kind: int, payload: bytes, place: int = -1, data: bytes = b"") -> "File":
        """A header; `place`: where in it stands the offset of `data`, which is kept."""
        if data:
            self._places.append((len(self._headers), place, len(self._data)))
            self._data += data
        self._headers.append((kind, payload))
        return self

    def platform(self, kind: int, mask: int = MASK, vtl: int = 2, shared: int = 0) -> "File":
        """SUPPORTED_PLATFORM."""
        return self.header(0x001, struct.pack("<IBBHQ", mask, vtl, kind, 1, shared))

    def page(self, gpa: int, data: bytes = b"", flags: int = 0, kind: int = 0,
             mask: int = MASK) -> "File":  # fmt: skip
        """PAGE_DATA; no data: a page of zeros."""
        payload = struct.pack("<QIIIHH", gpa, mask, 0, flags, kind, 0)
        return self.header(0x302, payload, 12, data.ljust(PAGE_BYTES, b"\0") if data else b"")

    def policy(self, policy: int, mask: int = MASK) -> "File":
        """GUEST_POLICY."""
        return self.header(0x101, struct.pack("<QII", policy, mask, 0))

    def area(self, index: int, size: int) -> "File":
        """PARAMETER_AREA of zeros."""
        return self.header(0x301, struct.pack("<QII", size, index, 0))

    def insert(self, index: int, gpa: int, mask: int = MASK) -> "File":
        """PARAMETER_INSERT."""
        return self.header(0x303, struct.pack("<QII", gpa, mask, index))

    def context(self, data: bytes, gpa: int = 0, mask: int = MASK) -> "File":
        """VP_CONTEXT of CPU 0."""
        return self.header(0x304, struct.pack("<QIIHH", gpa, mask, 0, 0, 0), 12, data)

    def vbs_context(self, registers: dict[int, int], vtl: int = 2) -> "File":
        """VP_CONTEXT of numbers."""
        records = (
            struct.pack("<BI11xQ8x", vtl, number, value) for number, value in registers.items()
        )
        return self.context(struct.pack("<I", len(registers)) + b"".join(records))

    def bytes(self) -> bytes:
        """The file, whole."""
        fixed = 24 if self._version == 1 else 32
        every = [[kind, bytearray(payload)] for kind, payload in self._headers]
        size = sum(8 + align_up(len(payload), 8) for _, payload in self._headers)
        for index, place, offset in self._places:
            struct.pack_into("<I", every[index][1], place, fixed + size + offset)
        headers = b"".join(
            struct.pack("<II", kind, len(payload))
            + bytes(payload).ljust(align_up(len(payload), 8), b"\0")
            for kind, payload in every
        )
        total = fixed + size + len(self._data)
        head = struct.pack("<4sIIII", b"IGVM", self._version, fixed, size, total)
        rest = struct.pack("<II", self._architecture, PAGE_BYTES) if fixed == 32 else b""
        checksum = zlib.crc32(head + bytes(4) + rest + headers)
        return head + struct.pack("<I", checksum) + rest + headers + self._data


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
