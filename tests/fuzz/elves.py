"""ELF files with wrong fields: headers, segments, sections, symbols, and debug information.

Offsets: System V ABI, ELF-64 (Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr, Elf64_Sym).
"""

import struct
from random import Random
from typing import Final

from tests.fuzz import odd
from tests.fuzz.case import Edit

_EHDR: Final = ((0, 4), (4, 1), (5, 1), (16, 2), (18, 2), (24, 8), (32, 8), (40, 8), (52, 2),
                (54, 2), (56, 2), (58, 2), (60, 2), (62, 2))  # fmt: skip
"""(offset, bytes) of what a reader may look at."""
_PHDR: Final = ((0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8))
_SHDR: Final = ((0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 4), (44, 4), (48, 8),
                (56, 8))  # fmt: skip
_SYM: Final = ((0, 4), (4, 1), (6, 2), (8, 8), (16, 8))
_DEBUG: Final = (b".debug_info", b".debug_abbrev", b".debug_line", b".debug_rnglists",
                 b".debug_str", b".debug_line_str", b".debug_addr", b".debug_loclists",
                 b".debug_frame", b".eh_frame", b".debug_str_offsets")  # fmt: skip


class _Section:
    """Where a section lies in the file."""

    def __init__(self, data: bytes, header: int) -> None:
        name, self.kind, _, _, self.offset, self.size = struct.unpack_from(
            "<IIQQQQ", data, header
        )
        self.name_at = name


def _sections(data: bytes) -> dict[bytes, _Section]:
    """Those of a file that is whole, by name."""
    (table,) = struct.unpack_from("<Q", data, 40)
    count, names = struct.unpack_from("<HH", data, 60)
    rows = [_Section(data, table + 64 * index) for index in range(count)]
    strings = data[rows[names].offset :] if rows else b""
    return {strings[row.name_at :].split(b"\0", 1)[0]: row for row in rows}


def edits(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """A few wrong fields of a whole file."""
    if len(data) < 64 or data[:4] != b"\x7fELF":
        return (odd.blind(draw, data, others),)
    sections = _sections(data)
    return tuple(
        odd.blind(draw, data, others) if draw.random() < 0.15 else _one(draw, data, sections)
        for _ in range(draw.choice((1, 1, 2, 3, 8)))
    )


def _one(draw: Random, data: bytes, sections: dict[bytes, _Section]) -> Edit:
    phoff, shoff = struct.unpack_from("<QQ", data, 32)
    phnum, _, shnum = struct.unpack_from("<HHH", data, 56)
    kind = draw.randrange(6)
    if kind == 0:
        return _field(draw, 0, _EHDR)
    if kind == 1 and phnum:
        return _field(draw, phoff + 56 * draw.randrange(phnum), _PHDR)
    if kind == 2 and shnum:
        return _field(draw, shoff + 64 * draw.randrange(shnum), _SHDR)
    symbols = sections.get(b".symtab")
    if kind == 3 and symbols is not None and symbols.size >= 24:
        return _field(draw, symbols.offset + 24 * draw.randrange(symbols.size // 24), _SYM)
    return _within(draw, data, sections)


def _field(draw: Random, start: int, fields: tuple[tuple[int, int], ...]) -> Edit:
    at, width = draw.choice(fields)
    return Edit(start + at, width, odd.field(draw, width))


def _within(draw: Random, data: bytes, sections: dict[bytes, _Section]) -> Edit:
    """Some bytes of debug information, else of whatever stands in the file."""
    known = [sections[name] for name in _DEBUG if name in sections and sections[name].size]
    if not known:
        return Edit(draw.randrange(len(data)), 1, draw.randbytes(1))
    one = draw.choice(known)
    # Most of what decides how the rest is read stands at the beginning.
    reach = min(one.size, draw.choice((4, 16, 64, 1 << 40)))
    at, width = one.offset + draw.randrange(reach), draw.choice((1, 1, 2, 4, 8))
    new = draw.choice((odd.field(draw, width), b"\xff" * width, b"\x80" * width))
    return Edit(at, width, new)
