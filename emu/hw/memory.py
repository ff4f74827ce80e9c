"""The one memory of the host: every table, control block and guest page lies in it."""

import ctypes
import mmap
import struct
from collections.abc import Callable

from emu.hw.address import PAGE_BYTES, Hpa

_U64 = struct.Struct("<Q")
_U32 = struct.Struct("<I")
_ZERO_BYTES = 64 << 10
_ZERO = bytes(_ZERO_BYTES)


class HostMemory:
    """Zeroed bytes addressed by HPA from 0; pages never written cost no memory of ours."""

    __slots__ = ("_anchor", "before_write", "buffer", "encryption_bit", "pointer", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.encryption_bit = 0
        """The bit of a guest's table entry that is no address: it asks for the guest's key."""
        self.before_write: Callable[[int, int], None] | None = None
        """Is told (HPA, bytes) before the host writes; the guest's own writes pass by."""
        # Private: an untouched page that is only read then stays the kernel's zero page.
        self.buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._anchor = (ctypes.c_char * size).from_buffer(self.buffer)
        self.pointer = ctypes.addressof(self._anchor)

    def read(self, hpa: Hpa, count: int) -> bytes:
        """`count` bytes from an address that must lie inside."""
        return self.buffer[hpa : hpa + count]

    def write(self, hpa: Hpa, data: bytes) -> None:
        """Put bytes at an address that must lie inside."""
        if self.before_write is not None:
            self.before_write(hpa, len(data))
        self.buffer[hpa : hpa + len(data)] = data

    def derive(self, hpa: int, data: bytes) -> None:
        """Put bytes that can be worked out again from others: nobody is told."""
        self.buffer[hpa : hpa + len(data)] = data

    def put_page(self, hpa: int, image: bytes) -> None:
        """Put a page's bytes back; nobody is told."""
        ctypes.memmove(self.pointer + hpa, image, PAGE_BYTES)

    def u64(self, hpa: int) -> int:
        """The little-endian 64-bit word at an address."""
        value: int = _U64.unpack_from(self.buffer, hpa)[0]
        return value

    def u32(self, hpa: int) -> int:
        """The little-endian 32-bit word at an address."""
        value: int = _U32.unpack_from(self.buffer, hpa)[0]
        return value

    def put_u64(self, hpa: int, value: int) -> None:
        """Store a little-endian 64-bit word."""
        if self.before_write is not None:
            self.before_write(hpa, 8)
        _U64.pack_into(self.buffer, hpa, value)

    def derive_u64(self, hpa: int, value: int) -> None:
        """Store a word that can be worked out again from others: nobody is told."""
        _U64.pack_into(self.buffer, hpa, value)

    def zero(self, hpa: Hpa, count: int) -> None:
        """Fill a range with zeros; what is zero already stays untouched and costs no memory."""
        for place in range(hpa, hpa + count, _ZERO_BYTES):
            size = min(_ZERO_BYTES, hpa + count - place)
            if self.buffer[place : place + size] != _ZERO[:size]:
                if self.before_write is not None:
                    self.before_write(place, size)
                ctypes.memset(self.pointer + place, 0, size)
