"""The one memory of the host: every table, control block and guest page lies in it."""

import ctypes
import mmap
import struct

from emu.hw.address import Hpa

_U64 = struct.Struct("<Q")


class HostMemory:
    """Zeroed bytes addressed by HPA from 0; pages never written cost no memory of ours."""

    __slots__ = ("_anchor", "buffer", "pointer", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        # Private: an untouched page that is only read then stays the kernel's zero page.
        self.buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._anchor = (ctypes.c_char * size).from_buffer(self.buffer)
        self.pointer = ctypes.addressof(self._anchor)

    def read(self, hpa: Hpa, count: int) -> bytes:
        """`count` bytes from an address that must lie inside."""
        return self.buffer[hpa : hpa + count]

    def write(self, hpa: Hpa, data: bytes) -> None:
        """Put bytes at an address that must lie inside."""
        self.buffer[hpa : hpa + len(data)] = data

    def u64(self, hpa: int) -> int:
        """The little-endian 64-bit word at an address."""
        value: int = _U64.unpack_from(self.buffer, hpa)[0]
        return value

    def put_u64(self, hpa: int, value: int) -> None:
        """Store a little-endian 64-bit word."""
        _U64.pack_into(self.buffer, hpa, value)

    def zero(self, hpa: Hpa, count: int) -> None:
        """Fill a range with zeros."""
        ctypes.memset(self.pointer + hpa, 0, count)
