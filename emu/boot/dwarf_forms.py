"""How attributes of DWARF entries are written: their forms, and tables of abbreviations.

DWARF 5, sections 7.5.3 (abbreviations), 7.5.5 and 7.5.6 (forms); those of DWARF 2 to 4 are
among them. By hand, because whoever looks for inlined functions reads past all other entries
of a unit: a library takes some 30 us for each, this takes one.
"""

import struct
from typing import Final, NamedTuple

from msgspec import Struct

DAMAGED: Final = (ValueError, IndexError, KeyError, struct.error)
"""What reading a damaged section ends in."""
ENTRIES_MAX: Final = 20_000
"""Of one table of abbreviations."""
ATTRIBUTES_MAX: Final = 256

_ADDR, _STRING, _STRP, _LINE_STRP, _SEC_OFFSET, _REF_ADDR = 0x01, 0x08, 0x0E, 0x1F, 0x17, 0x10
_INDIRECT, _IMPLICIT_CONST, _SDATA, _FLAG_PRESENT = 0x16, 0x21, 0x0D, 0x19
STRINGS: Final = frozenset((_STRING, _STRP, _LINE_STRP, 0x1A, 0x25, 0x26, 0x27, 0x28))
ADDRESS: Final = _ADDR
ADDRESS_INDEX: Final = frozenset((0x1B, 0x29, 0x2A, 0x2B, 0x2C))
STRING_INDEX: Final = frozenset((0x1A, 0x25, 0x26, 0x27, 0x28))
STRING, STRING_OFFSET, LINE_STRING_OFFSET = _STRING, _STRP, _LINE_STRP
RANGE_LIST_INDEX: Final = 0x23
WHOLE_REFERENCE: Final = _REF_ADDR
"""A reference that counts from the section's start; others count from the unit's."""
REFERENCES: Final = frozenset((_REF_ADDR, 0x11, 0x12, 0x13, 0x14, 0x15))

_SIZES: Final = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8,
    _FLAG_PRESENT: 0, 0x1C: 4, 0x1E: 16, 0x20: 8, _IMPLICIT_CONST: 0, 0x24: 8, 0x25: 1, 0x26: 2,
    0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
"""Form -> bytes, of those that always have as many."""
_OFFSETS: Final = frozenset((_STRP, _REF_ADDR, _SEC_OFFSET, 0x1D, _LINE_STRP, 0x1F20, 0x1F21))
"""Offsets into a section."""
_NUMBERS: Final = frozenset((0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23, 0x1F01, 0x1F02, _SDATA))
"""LEB128."""
_BLOCKS: Final = {0x0A: 1, 0x03: 2, 0x04: 4, 0x09: 0, 0x18: 0}
"""Form -> bytes of the length before it, 0 for ULEB128."""


class Widths(NamedTuple):
    """Bytes of what differs from unit to unit."""

    offset: int
    """4, or 8 in the 64-bit format."""
    address: int


class Form(Struct, frozen=True):
    """One attribute as an abbreviation has it."""

    attribute: int
    form: int
    constant: int
    """Of DW_FORM_implicit_const."""


class Abbreviation(Struct, frozen=True):
    """What entries with one code look like."""

    tag: int
    children: bool
    forms: tuple[Form, ...]
    size: int
    """Bytes of all attributes, -1 if that differs from entry to entry."""
    skips: tuple[tuple[int, int], ...]
    """How they are read past: (bytes, form of no fixed size behind them or 0)."""


def uleb(data: bytes, at: int) -> tuple[int, int]:
    """(ULEB128 number, offset behind it); 7.6."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while byte >= 0x80:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 140:
            raise ValueError("a number without an end")
    return value, at + 1


def sleb(data: bytes, at: int) -> tuple[int, int]:
    """(SLEB128 number, offset behind it)."""
    value, behind = uleb(data, at)
    bits = 7 * (behind - at)
    return value - (1 << bits) if data[behind - 1] & 0x40 else value, behind


class Abbreviations(dict[int, Abbreviation]):
    """A table of .debug_abbrev by code, read as far as somebody has asked: of most units only
    the first is wanted."""

    def __init__(self, data: bytes, at: int, widths: Widths) -> None:
        """The table that begins somewhere in the section."""
        super().__init__()
        self._data, self._at, self._widths = data, at, widths

    def __missing__(self, wanted: int) -> Abbreviation:
        """Read on to a code; raises one of `DAMAGED`."""
        while len(self) < ENTRIES_MAX:
            code, at = uleb(self._data, self._at)
            if not code:
                break
            found, self._at = _abbreviation(self._data, at, self._widths)
            self[code] = found
            if code == wanted:
                return found
        raise KeyError(wanted)


def _abbreviation(data: bytes, at: int, widths: Widths) -> tuple[Abbreviation, int]:
    """(what stands behind a code, offset behind it)."""
    tag, at = uleb(data, at)
    children, forms = data[at] == 1, list[Form]()
    at += 1
    while len(forms) < ATTRIBUTES_MAX:
        attribute, at = uleb(data, at)
        form, at = uleb(data, at)
        constant = 0
        if form == _IMPLICIT_CONST:
            constant, at = sleb(data, at)
        if not attribute and not form:
            break
        forms.append(Form(attribute, form, constant))
    return _with_skips(tag, children, tuple(forms), widths), at


def _with_skips(
    tag: int, children: bool, forms: tuple[Form, ...], widths: Widths
) -> Abbreviation:
    skips, fixed = [], 0
    for one in forms:
        size = _size(one.form, widths)
        if size >= 0:
            fixed += size
        else:
            skips.append((fixed, one.form))
            fixed = 0
    skips.append((fixed, 0))
    return Abbreviation(tag, children, forms, -1 if len(skips) > 1 else fixed, tuple(skips))


def _size(form: int, widths: Widths) -> int:
    """Bytes of a value of a form, -1 where that differs."""
    if form in _OFFSETS:
        return widths.offset
    return widths.address if form == _ADDR else _SIZES.get(form, -1)


def behind(data: bytes, at: int, form: int, widths: Widths) -> int:
    """The offset behind a value of a form."""
    if form in _NUMBERS:
        while data[at] >= 0x80:
            at += 1
        return at + 1
    if form in _BLOCKS:
        width = _BLOCKS[form]
        count, at = (
            (int.from_bytes(data[at : at + width], "little"), at + width)
            if width
            else uleb(data, at)
        )
        return at + count
    if form == _STRING:
        return data.index(b"\0", at) + 1
    if form == _INDIRECT:
        form, at = uleb(data, at)
        return behind(data, at, form, widths)
    size = _size(form, widths)
    if size < 0:
        raise ValueError(f"no form of DWARF: {form:#x}")
    return at + size


def number(data: bytes, at: int, form: Form, widths: Widths) -> int:
    """The number that a value is: an address, an offset, an index, or itself; of a string that
    stands here its own offset."""
    if form.form == _IMPLICIT_CONST:
        return form.constant
    if form.form == _FLAG_PRESENT:
        return 1
    if form.form == _STRING or form.form in _BLOCKS:
        return at
    if form.form == _SDATA:
        return sleb(data, at)[0]
    if form.form in _NUMBERS:
        return uleb(data, at)[0]
    if form.form == _INDIRECT:
        raise ValueError("an indirect form where a number is")
    size = _size(form.form, widths)
    if size < 0:
        raise ValueError(f"no number: {form.form:#x}")
    return int.from_bytes(data[at : at + size], "little")
