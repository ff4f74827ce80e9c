"""The IGVM file in a resource-only DLL, as firmware for Hyper-V is shipped.

Source: openvmm, `vm/loader/igvmfilegen/src/firmware_dll.rs` (resource type "VMFW"); Microsoft,
PE Format, "The .rsrc Section".
"""

import struct
from pathlib import Path
from typing import Final, NoReturn

from emu.errors import ImageError

_TYPE: Final = "VMFW".encode("utf-16-le")
_OPTIONAL_64: Final = 0x20B
_DIRECTORIES: Final = {0x10B: 96, _OPTIONAL_64: 112}
"""Magic of the optional header -> where its data directories begin."""
_RESOURCES: Final = 2
_BELOW: Final = 1 << 31
"""In an entry: what it points at is a table (second word), its name a string (first word)."""
_ENTRIES_MAX: Final = 4_096


def within_dll(path: Path, data: bytes) -> bytes:
    """The payload of the first resource of type VMFW; raises ImageError."""
    try:
        return _Dll(path, data).payload()
    except struct.error:
        raise ImageError(f"{path}: is a damaged DLL: something lies behind its end") from None


class _Dll:
    """A PE file, as far as its resources go."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path, self._data = path, data

    def _refuse(self, words: str) -> NoReturn:
        raise ImageError(f"{self._path}: {words}")

    def _u32(self, at: int) -> int:
        return int(struct.unpack_from("<I", self._data, at)[0])

    def _u16(self, at: int) -> int:
        return int(struct.unpack_from("<H", self._data, at)[0])

    def payload(self) -> bytes:
        """Type, then id, then language: three levels down."""
        header = self._u32(0x3C)
        if self._data[header : header + 4] != b"PE\0\0":
            self._refuse("begins like a Windows program and is none")
        optional = header + 24
        first = _DIRECTORIES.get(self._u16(optional))
        if first is None:
            self._refuse("is a Windows program of a kind that apdbg does not know")
        rva = self._u32(optional + first + 8 * _RESOURCES)
        root = self._file_offset(rva, header) if rva else None
        table = None if root is None else self._typed(root)
        if root is None or table is None:
            self._refuse("is a Windows program, and no IGVM file is in it (resource VMFW)")
        for _ in range(2):
            table = self._first(root, table)
        at, count = self._u32(root + table), self._u32(root + table + 4)
        place = self._file_offset(at, header)
        if place is None or place + count > len(self._data):
            self._refuse("its resource VMFW is not in the file")
        return self._data[place : place + count]

    def _file_offset(self, rva: int, header: int) -> int | None:
        """Where an address relative to the image lies in the file."""
        sections = header + 24 + self._u16(header + 20)
        for index in range(self._u16(header + 6)):
            at = sections + 40 * index
            begin, size, offset = self._u32(at + 12), self._u32(at + 16), self._u32(at + 20)
            if begin <= rva < begin + size:
                return offset + rva - begin
        return None

    def _entries(self, root: int, table: int) -> list[tuple[int, int]]:
        """(name or id, offset) of a table's entries, named ones first."""
        at = root + table
        count = self._u16(at + 12) + self._u16(at + 14)
        if count > _ENTRIES_MAX:
            self._refuse(f"has {count:,} resources in one table")
        return [(self._u32(at + 16 + 8 * i), self._u32(at + 20 + 8 * i)) for i in range(count)]

    def _typed(self, root: int) -> int | None:
        """The table of the type VMFW."""
        for name, below in self._entries(root, 0):
            if name & _BELOW and below & _BELOW:
                at = root + (name & ~_BELOW)
                if self._data[at + 2 : at + 2 + 2 * self._u16(at)] == _TYPE:
                    return below & ~_BELOW
        return None

    def _first(self, root: int, table: int) -> int:
        entries = self._entries(root, table)
        if not entries:
            self._refuse("its resource VMFW is empty")
        return entries[0][1] & ~_BELOW
