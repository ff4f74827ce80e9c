"""IGVM files with wrong headers: fields, lengths, order, and what the data says.

Offsets: microsoft/igvm, `igvm_defs/src/lib.rs` (IGVM_FIXED_HEADER, IGVM_VHS_*).
"""

import struct
import zlib
from random import Random
from typing import Final

from tests.fuzz import odd
from tests.fuzz.case import Edit

_FIXED: Final = ((0, 4), (4, 4), (8, 4), (12, 4), (16, 4), (20, 4), (24, 4), (28, 4))
_TYPES: Final = (*range(0x101, 0x107), *range(0x301, 0x314), 0x001, 0x201, 0x80000301)
_PAGE: Final = 4096
_PLACES: Final = (
    0, _PAGE, 0x10_0000, 0x800_0000, 0x820_0000, 0x840_0000, 0xC00_0000, 0xFFFF_F000,
    1 << 32, 1 << 39, 1 << 47, 1 << 52, (1 << 64) - _PAGE,
)  # fmt: skip
"""Addresses and sizes around what the files and platforms have."""
_HEAD_BYTES: Final = 8


def sealed(data: bytes) -> bytes:
    """Half of all files with the sizes and the checksum that they have to have, so that what
    lies behind them is reached; within a DLL likewise."""
    first = data.find(b"IGVM")
    if first < 0 or zlib.crc32(data) & 1 or len(data) < first + 32:
        return data
    whole = bytearray(data[first:])
    version, begin, size = struct.unpack_from("<III", whole, 4)
    struct.pack_into("<I", whole, 0x10, len(whole))
    fixed = 32 if version == 2 else 24
    whole[0x14:0x18] = bytes(4)
    checksum = zlib.crc32(whole[begin : begin + size], zlib.crc32(whole[:fixed]))
    struct.pack_into("<I", whole, 0x14, checksum)
    return data[:first] + bytes(whole)


def edits(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """A few wrong fields of a whole file."""
    first = data.find(b"IGVM")
    headers = _headers(data, first)
    found = []
    deep = draw.random() < 0.4
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        if deep:  # no header is touched, so the file opens and what it says is carried out
            found.append(_data(draw, data, headers))
        elif draw.random() < 0.12:
            found.append(odd.blind(draw, data, others))
        else:
            found += _some(draw, data, first, headers)
    return tuple(found)


def _headers(data: bytes, first: int) -> list[tuple[int, int]]:
    """(offset, payload's bytes) of the variable headers of a file that is whole."""
    begin, size = struct.unpack_from("<II", data, first + 8)
    at, end, found = first + begin, first + begin + size, []
    while at < end:
        (length,) = struct.unpack_from("<I", data, at + 4)
        found.append((at, length))
        at += _HEAD_BYTES + -(-length // 8) * 8
    return found


def _some(draw: Random, data: bytes, first: int, headers: list[tuple[int, int]]) -> list[Edit]:
    # Pages are many: most edits are of what stands among the first and the last headers.
    many = len(headers) > 40 and draw.random() < 0.7
    at, length = draw.choice(headers[:12] + headers[-12:] if many else headers)
    whole = _HEAD_BYTES + -(-length // 8) * 8
    match draw.choice((0, 1, 2, 3, 3, 4, 5, 5, 5, 5, 6, 6, 6, 6)):
        case 0:
            place, width = draw.choice(_FIXED)
            return [Edit(first + place, width, odd.field(draw, width))]
        case 1:
            return [Edit(at, 4, struct.pack("<I", draw.choice(_TYPES)))]
        case 2:
            return [Edit(at + 4, 4, odd.field(draw, 4))]
        case 3:  # another header in its place, of whatever length
            other, more = draw.choice(headers)
            return [Edit(at, whole, data[other : other + _HEAD_BYTES + -(-more // 8) * 8])]
        case 4:  # twice, or not at all; the size of all headers is as it was, or right
            put = data[at : at + whole] if draw.random() < 0.5 else b""
            (size,) = struct.unpack_from("<I", data, first + 12)
            size += whole if put else -whole
            right = [Edit(first + 12, 4, struct.pack("<I", size))]
            gone = Edit(at, 0, put) if put else Edit(at, whole)
            return [*(right if draw.random() < 0.7 else []), gone]
        case 5:
            return [_field(draw, at + _HEAD_BYTES, length)]
        case _:
            return [_data(draw, data, headers)]


def _field(draw: Random, at: int, length: int) -> Edit:
    """A field of a header: an odd number, or an address that might be."""
    width = draw.choice((1, 2, 4, 4, 8, 8))
    place = at + draw.randrange(max(length // width, 1)) * width
    if width == 8 and draw.random() < 0.6:
        value = draw.choice(_PLACES) + draw.choice((0, 0, 0, _PAGE, -_PAGE, 1))
        return Edit(place, 8, struct.pack("<Q", value % (1 << 64)))
    return Edit(place, width, odd.field(draw, width))


def _data(draw: Random, data: bytes, headers: list[tuple[int, int]]) -> Edit:
    """A word of what the headers point at: registers, tables, code."""
    at, length = headers[-1]
    begin = at + _HEAD_BYTES + -(-length // 8) * 8
    if begin + 8 >= len(data):
        return Edit(at, 4, odd.field(draw, 4))
    reach = min(len(data) - begin - 8, draw.choice((512, 1 << 40)))
    place = begin + draw.randrange(reach) // 8 * 8
    width = draw.choice((4, 8))
    if draw.random() < 0.3:  # a mapping, maybe: present, maybe large
        flags = draw.choice((0x23, 0x63, 0xE3))
        return Edit(place, 8, struct.pack("<Q", draw.choice(_PLACES) % (1 << 52) | flags))
    return Edit(place, width, odd.field(draw, width))
