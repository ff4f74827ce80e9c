"""A .BTF section, written as Documentation/bpf/btf.rst of Linux has it (2, 2.2 and 4.1)."""

import struct
from typing import Final

INT, ENUM, STRUCT, FUNC_PROTO, DATASEC, ENUM64 = 1, 6, 4, 13, 15, 19

Members = list[tuple[str, int, int]]
"""(name, offset in bits, bits of a bit field or 0)."""


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def section(structs: list[tuple[str, int, Members]]) -> bytes:
    """Structs of (name, size, members), with types of other kinds before each."""
    strings, types = _Strings(), b""
    for name, size, members in structs:
        types += _others(strings)
        packed = any(bits for _, _, bits in members)
        info = packed << 31 | STRUCT << 24 | len(members)
        types += struct.pack("<III", strings.add(name), info, size)
        for member, bit, bits in members:
            offset = bits << 24 | bit if packed else bit
            types += struct.pack("<III", strings.add(member), 1, offset)
    head = struct.pack("<HBBI", 0xEB9F, 1, 0, 24)
    head += struct.pack("<4I", 0, len(types), len(types), len(strings.data))
    return head + types + strings.data


HEADER_BYTES: Final = 24


def _others(strings: _Strings) -> bytes:
    """Kinds of other lengths: 2.2.1, 2.2.6, 2.2.13, 2.2.15, 2.2.19; and a pointer, 2.2.2."""
    long = struct.pack("<IIII", strings.add("long"), INT << 24, 8, 64)
    pointer = struct.pack("<III", 0, 2 << 24, 1)
    enum = struct.pack("<III", strings.add("color"), ENUM << 24 | 2, 4) + bytes(16)
    call = struct.pack("<III", 0, FUNC_PROTO << 24 | 3, 1) + bytes(24)
    data = struct.pack("<III", strings.add(".data"), DATASEC << 24 | 1, 8) + bytes(12)
    wide = struct.pack("<III", 0, ENUM64 << 24 | 1, 8) + bytes(12)
    return long + pointer + enum + call + data + wide
