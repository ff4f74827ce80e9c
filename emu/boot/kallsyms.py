"""The names that a Linux kernel carries in itself, for kernels that were stripped of theirs.

Source: Linux, scripts/kallsyms.c, write_src: names are strings of tokens, 256 of them to a
marker, and addresses offsets from the lowest one. Up to 6.3 the offsets stand before the
names, since 6.4 behind the tokens; between names and tokens there may be their order by name.
Nothing says where all this is: the ten digits are tokens of their own, and what stands around
them is proved by its size.
"""

import re
import struct
from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from emu.boot.image import SYMBOLS_MAX, UPPER_HALF, Symbol

TOKENS: Final = 256
_DIGITS: Final = b"".join(b"%d\0" % digit for digit in range(10))
_FIRST_DIGIT: Final = ord("0")
TABLES_MAX: Final = 16
"""Places that look like a table of tokens; there is one."""
_TABLE_BYTES_MAX: Final = 1 << 15
_TABLES_BYTES_MAX: Final = 32 << 20
"""All of it together."""
_BASE: Final = re.compile(rb"(?s)\0[\0-\xf0].[\x80-\xff]\xff{4}(..[\0-\x1f]\0)\0{4}")
"""The lowest address, a page's in the upper half, and the number of names."""
_MARKED: Final = 256
"""Names between two markers."""
_NAME_BYTES_MAX: Final = 512
"""KSYM_NAME_LEN."""
_FUNCTIONS: Final = (b"t", b"T", b"w", b"W")
_LEAST: Final = 1_000
"""A kernel with fewer symbols is none."""


class _Tokens(NamedTuple):
    start: int
    end: int
    """Behind their index."""
    texts: list[bytes]


def symbols_of(data: bytes) -> tuple[Symbol, ...]:
    """The symbols of a kernel image, sorted by address; none where there is no such table, or
    it is damaged. Those of a CPU's own area, which are offsets and no addresses, are left
    out."""
    at = -1
    for _ in range(TABLES_MAX):
        at = data.find(_DIGITS, at + 1)
        if at < 0:
            return ()
        tokens = _tokens(data, at)
        found = () if tokens is None else _symbols(data, tokens)
        if found:
            return found
    return ()


def _tokens(data: bytes, digits: int) -> _Tokens | None:
    """The tokens around the ten digits, if their index follows and agrees."""
    second = digits
    for _ in range(_FIRST_DIGIT - 1):
        second = data.rfind(b"\0", max(digits - _TABLE_BYTES_MAX, 0), second - 1) + 1
        if not second:
            return None
    # What stands before the first one need not be zero: it begins at some multiple of 8.
    last = second - 1 & ~7
    for start in range(last, max(last - _NAME_BYTES_MAX, -1), -8):
        if b"\0" in data[start : second - 1]:
            return None
        found = _tokens_at(data, start)
        if found is not None:
            return found
    return None


def _tokens_at(data: bytes, start: int) -> _Tokens | None:
    texts = data[start : start + _TABLE_BYTES_MAX].split(b"\0", TOKENS)[:TOKENS]
    places, place = array("H"), 0
    for text in texts:
        if len(text) > _NAME_BYTES_MAX or place > 0xFFFF:
            return None
        places.append(place)
        place += len(text) + 1
    index = -(-(start + place) // 8) * 8
    end = index + 2 * TOKENS
    if data[index:end] != struct.pack(f"<{len(places)}H", *places):
        return None
    return _Tokens(start, end, texts)


def _symbols(data: bytes, tokens: _Tokens) -> tuple[Symbol, ...]:
    for count, start in (*_behind_base(data, tokens.start), *_before_tokens(data, tokens)):
        names = _names(data, start, count)
        if names is None:
            continue
        offsets = _offsets(data, tokens.end, start, count)
        if offsets is not None:
            return _named(tokens.texts, names, offsets)
    return ()


def _behind_base(data: bytes, end: int) -> Iterator[tuple[int, int]]:
    """(how many names, where) up to 6.3: the lowest address stands right before."""
    first = max(end - _TABLES_BYTES_MAX, 0)
    for found in _BASE.finditer(data, first, end):
        if found.start() % 8 == 0:
            yield int.from_bytes(found[1], "little"), found.end()


def _before_tokens(data: bytes, tokens: _Tokens) -> Iterator[tuple[int, int]]:
    """(how many names, where) since 6.4: markers stand right before the tokens, and grow from
    0 on; the number of names stands before them, aligned."""
    at, marked = tokens.start - 4, list[int]()
    while at > 0 and data[at : at + 4] == bytes(4):  # up to the alignment of the tokens
        at -= 4
    while at > 0 and len(marked) < SYMBOLS_MAX // _MARKED:
        (one,) = struct.unpack_from("<I", data, at)
        if marked and one >= marked[-1]:
            return
        marked.append(one)
        if not one:
            break
        at -= 4
    last = at - marked[0] if marked else 0
    for start in range(last & ~7, max(last - _MARKED * _NAME_BYTES_MAX, 8), -8):
        (count,) = struct.unpack_from("<Q", data, start - 8)
        if -(-count // _MARKED) == len(marked):
            yield count, start


def _behind(data: bytes, at: int) -> int:
    """The place behind a name: its length is one byte, or two if it is 128 and more."""
    length = data[at]
    if length < 0x80:
        return at + 1 + length
    return at + 2 + (length & 0x7F | data[at + 1] << 7)


def _names(data: bytes, at: int, count: int) -> list[bytes] | None:
    """The tokens of each name, if the markers behind them fit."""
    if not _LEAST <= count <= SYMBOLS_MAX:
        return None
    start, names, second = at, list[bytes](), 0
    for number in range(count):
        if at + 2 > len(data) or not data[at]:
            return None
        if number == _MARKED:
            second = at - start
        end = _behind(data, at)
        names.append(data[at + 1 + (data[at] >> 7) : end])
        at = end
    markers = -(-at // 8) * 8
    return names if data[markers : markers + 8] == struct.pack("<II", 0, second) else None


def _offsets(
    data: bytes, behind_tokens: int, names: int, count: int
) -> tuple[int, "array[int]"] | None:
    """(lowest address, offset of each symbol), on either side of the names."""
    size = -(-4 * count // 8) * 8
    before = names - 16
    after = -(-behind_tokens // 8) * 8
    for base_at, at in ((before, before - size), (after + size, after)):
        if at < 0 or max(base_at + 8, at + 4 * count) > len(data):
            continue
        (base,) = struct.unpack_from("<Q", data, base_at)
        if base >= UPPER_HALF and not base & 0xFFF:
            return base, array("i", data[at : at + 4 * count])
    return None


def _named(
    texts: list[bytes], names: list[bytes], offsets: tuple[int, "array[int]"]
) -> tuple[Symbol, ...]:
    base, places = offsets
    # With absolute addresses of per-CPU data the others are counted downwards, up to 6.14.
    below = 2 * sum(1 for one in places if one < 0) > len(places)
    found: list[Symbol] = []
    for tokens, place in zip(names, places, strict=True):
        if below and place >= 0:
            continue
        address = base - 1 - place if below else base + (place & 0xFFFF_FFFF)
        whole = b"".join([texts[token] for token in tokens])
        if len(whole) > _NAME_BYTES_MAX:
            return ()
        function = whole[:1] in _FUNCTIONS
        found.append(Symbol(whole[1:].decode("utf-8", "replace"), address, 0, function))
    found.sort(key=lambda symbol: (symbol.address, not symbol.function, symbol.name))
    return tuple(found)
