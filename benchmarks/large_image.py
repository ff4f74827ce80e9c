"""Large ELF files with symbols and debug information, as kernels and Rust programs have them.

DWARF 4: one table of abbreviations; each unit has functions in each of which others are
inlined, and a line table (sections 7.5 and 6.2 of the standard).
"""

import struct
from typing import Final

HIGH: Final = 0xFFFF_FFFF_8000_0000
FUNCTION_BYTES: Final = 256
FUNCTIONS: Final = 64
"""Of one unit."""
INLINED: Final = 6
"""In each of them."""
_ABBREVIATIONS: Final = bytes.fromhex(
    "01 11 01 03 08 11 01 12 06 10 17 00 00"  # unit: name, low, high, lines
    "02 2e 01 03 08 11 01 12 06 00 00"  # function
    "03 1d 00 31 13 11 01 12 06 58 0b 59 05 00 00"  # inlined: origin, low, high, file, line
    "04 2e 00 03 08 20 0b 00 00"  # what is inlined: name, inline
    "00"
)
_LENGTHS: Final = bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1))
"""Operands of the twelve standard opcodes."""


def _unit(number: int, first: int, lines: int) -> bytes:
    """Entries of one unit, whose code begins at an address."""
    size = FUNCTIONS * FUNCTION_BYTES
    name = b"unit%d.c\0" % number
    body = b"\1" + name + struct.pack("<QII", first, size, lines)
    origin = 11 + len(body)
    body += b"\4" + b"inlined_%d\0" % number + b"\3"
    for index in range(FUNCTIONS):
        at = first + index * FUNCTION_BYTES
        body += b"\2" + b"function_%d_%d\0" % (number, index)
        body += struct.pack("<QI", at, FUNCTION_BYTES)
        for inner in range(INLINED):
            place = at + 16 + 32 * inner
            body += b"\3" + struct.pack("<IQIBH", origin, place, 24, 1, 10 + inner)
        body += b"\0"
    body += b"\0"
    return struct.pack("<IHIB", len(body) + 7, 4, 0, 8) + body


def _lines(number: int, first: int) -> bytes:
    """A line table: a row for each four bytes."""
    tables = b"\0" + b"unit%d.c\0\0\0\0\0" % number
    head = struct.pack("<BBBbBB", 1, 1, 1, -5, 14, 13) + _LENGTHS + tables
    program = b"\0\x09\2" + struct.pack("<Q", first) + b"\1"
    rows = FUNCTIONS * FUNCTION_BYTES // 4
    program += bytes(13 + 14 * 4 + 5 + (index % 3) for index in range(rows - 1))
    program += b"\x02\x04\0\1\1"
    rest = struct.pack("<HI", 4, len(head)) + head + program
    return struct.pack("<I", len(rest)) + rest


def image(units: int, *, padding: int = 0, kernel: bool = False) -> bytes:
    """An ELF file with so many units. `padding`: bytes of data besides; `kernel`: it is linked
    in the upper half."""
    above = HIGH if kernel else 0
    place = 0x100_0000
    code = units * FUNCTIONS * FUNCTION_BYTES
    text = b"\xf4" * code + bytes(padding)
    starts = [place + above + n * FUNCTIONS * FUNCTION_BYTES for n in range(units)]
    line_tables = [_lines(*row) for row in enumerate(starts)]
    info, lines = [], 0
    for number, start in enumerate(starts):
        info.append(_unit(number, start, lines))
        lines += len(line_tables[number])
    symbols, strings = [bytes(24)], [b"\0"]
    at = 1
    for number, start in enumerate(starts):
        for index in range(FUNCTIONS):
            name = b"function_%d_%d\0" % (number, index)
            where = start + index * FUNCTION_BYTES
            symbols.append(struct.pack("<IBBHQQ", at, 2, 0, 1, where, FUNCTION_BYTES))
            strings.append(name)
            at += len(name)
    sections = [
        (b".debug_info", 1, b"".join(info)), (b".debug_abbrev", 1, _ABBREVIATIONS),
        (b".debug_line", 1, b"".join(line_tables)), (b".symtab", 2, b"".join(symbols)),
        (b".strtab", 3, b"".join(strings)),
    ]  # fmt: skip
    return _elf(text, place, above, sections)


def _elf(
    text: bytes, place: int, above: int, sections: list[tuple[bytes, int, bytes]]
) -> bytes:
    names = b"\0.text\0" + b"".join(name + b"\0" for name, _, _ in sections) + b".shstrtab\0"
    rows = [bytes(64)]
    data = bytearray(0x1000)
    data += text
    rows.append(
        struct.pack("<IIQQQQIIQQ", 1, 1, 6, place + above, 0x1000, len(text), 0, 0, 16, 0)
    )
    for name, kind, content in (*sections, (b".shstrtab", 3, names)):
        link, size = (6, 24) if kind == 2 else (0, 0)
        at = names.index(b"\0" + name + b"\0") + 1
        row = (at, kind, 0, 0, len(data), len(content), link, 0, 1, size)
        rows.append(struct.pack("<IIQQQQIIQQ", *row))
        data += content
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, place, 64, len(data), 0, 64, 56, 1,
        64, len(rows), len(rows) - 1,
    )  # fmt: skip
    load = (1, 5, 0x1000, place + above, place, len(text), len(text), 0x1000)
    data[:64] = head
    data[64:120] = struct.pack("<IIQQQQQQ", *load)
    return bytes(data) + b"".join(rows)
