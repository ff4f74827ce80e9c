"""The page tables the loader hands to the shim: an identity map in 2 MiB leaves.

Source: openvmm, `vm/loader/page_table/src/x64.rs` and `vm/loader/src/paravisor.rs`.
"""

import struct
from typing import Final

from emu.hw.address import HUGE_BYTES, LARGE_BYTES, PAGE_BYTES, RESET_PAGE

TABLE_PAGES_MAX: Final = 24
"""Root, one L3, and an L2 per GiB; on TDX also the L1 of the reset page."""
LOCAL_MAP: Final = 0x200000
"""VA of one 2 MiB leaf that openhcl_boot points at whatever it wants to reach (TDX)."""

_TABLE: Final = 0x23
"""P W A"""
_LEAF: Final = 0x63
"""P W A D"""
_LARGE: Final = 0x80


class _Tables:
    """Tables in a row from `base`, as one block of bytes."""

    def __init__(self, base: int, encrypted: int) -> None:
        self.base = base
        self.encrypted = encrypted
        self.data = bytearray(2 * PAGE_BYTES)
        self._below: dict[int, int] = {}
        self._put(0, 0, base + PAGE_BYTES | _TABLE)

    def _put(self, table: int, index: int, entry: int) -> None:
        struct.pack_into("<Q", self.data, table + 8 * index, entry | self.encrypted)

    def _new(self, parent: int, index: int) -> int:
        table = len(self.data)
        assert table < TABLE_PAGES_MAX * PAGE_BYTES, "the loader's tables outgrew their region"
        self.data += bytes(PAGE_BYTES)
        self._put(parent, index, self.base + table | _TABLE)
        return table

    def directory(self, address: int) -> int:
        """Offset of the L2 table of an address below 512 GiB."""
        index = address // HUGE_BYTES
        if index not in self._below:
            self._below[index] = self._new(PAGE_BYTES, index)
        return self._below[index]

    def large(self, address: int, target: int) -> None:
        """One 2 MiB leaf."""
        self._put(
            self.directory(address), address // LARGE_BYTES % 512, target | _LEAF | _LARGE
        )

    def page(self, address: int) -> None:
        """One 4 KiB identity leaf."""
        table = self._new(self.directory(address), address // LARGE_BYTES % 512)
        self._put(table, address // PAGE_BYTES % 512, address | _LEAF)


def identity_tables(
    base: int, ranges: tuple[tuple[int, int], ...], *, local_map: bool, reset_page: bool,
    encrypted: int = 0,
) -> bytes:  # fmt: skip
    """Tables whose root is at GPA `base`, mapping (GPA, bytes) ranges to themselves;
    `encrypted`: the bit that each entry has where memory is encrypted."""
    tables = _Tables(base, encrypted)
    for start, size in ranges:
        for address in range(start, start + size, LARGE_BYTES):
            tables.large(address, address)
    if local_map:
        tables.large(LOCAL_MAP, LOCAL_MAP)
    if reset_page:
        tables.page(RESET_PAGE)
    return bytes(tables.data)
