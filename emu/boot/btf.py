"""Layouts of a Linux kernel's own structs, as the kernel carries them in itself.

Source: Linux, Documentation/bpf/btf.rst, sections 2 (encoding) and 4.1 (.BTF section).
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_HEADER: Final = struct.Struct("<HBBIIIII")
_MAGIC: Final = 0xEB9F
_TYPE, _MEMBER = struct.Struct("<III"), struct.Struct("<III")
_STRUCT: Final = 4
_FIXED: Final = {1: 4, 3: 12, 14: 4, 17: 4}
"""Kind -> bytes behind the type: INT, ARRAY, VAR, DECL_TAG."""
_EACH: Final = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
"""Kind -> bytes for each of the `vlen` entries behind it: STRUCT, UNION, ENUM, FUNC_PROTO,
DATASEC, ENUM64."""
_KIND, _KIND_FLAG, _VLEN = 0x1F, 1 << 31, 0xFFFF
_BIT_OFFSET: Final = (1 << 24) - 1


class BtfMember(NamedTuple):
    """Where a member lies."""

    bit: int
    """From the beginning of its struct."""
    bits: int
    """Of a bit field; else 0."""


class BtfStruct(NamedTuple):
    """One struct."""

    size: int
    members: dict[str, BtfMember]

    def at(self, name: str) -> int:
        """The byte at which a member begins; KeyError if there is none."""
        return self.members[name].bit // 8


def structs(data: bytes, names: Iterable[str]) -> dict[str, BtfStruct]:
    """Those of these structs that a .BTF section has; what is damaged has none."""
    if len(data) < _HEADER.size:
        return {}
    magic, _, _, header, types, types_len, texts, texts_len = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        return {}
    strings = data[header + texts : header + texts + texts_len]
    wanted = {place: name for name in names if (place := _place(strings, name)) is not None}
    found: dict[str, BtfStruct] = {}
    for at, name, info, size in _types(data[: header + types + types_len], header + types):
        if info >> 24 & _KIND == _STRUCT and name in wanted:
            members = dict(_members(data, strings, at, info))
            found.setdefault(wanted[name], BtfStruct(size, members))
    return found


def _place(strings: bytes, name: str) -> int | None:
    at = strings.find(b"\0" + name.encode() + b"\0")
    return None if at < 0 else at + 1


def _types(data: bytes, at: int) -> Iterator[tuple[int, int, int, int]]:
    """(where what is behind it begins, name, info, size or type) of each type."""
    while at + _TYPE.size <= len(data):
        name, info, size = _TYPE.unpack_from(data, at)
        at += _TYPE.size
        yield at, name, info, size
        kind = info >> 24 & _KIND
        at += _FIXED.get(kind, 0) + _EACH.get(kind, 0) * (info & _VLEN)


def _members(
    data: bytes, strings: bytes, at: int, info: int
) -> Iterator[tuple[str, BtfMember]]:
    rows = data[at : at + (info & _VLEN) * _MEMBER.size]
    rows = rows[: len(rows) - len(rows) % _MEMBER.size]
    for name, _, offset in _MEMBER.iter_unpack(rows):
        text = strings[name : strings.find(b"\0", name)].decode("ascii", "replace")
        packed = bool(info & _KIND_FLAG)
        yield (
            text,
            BtfMember(offset & _BIT_OFFSET, offset >> 24) if packed else BtfMember(offset, 0),
        )
