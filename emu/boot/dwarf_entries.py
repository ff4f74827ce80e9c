"""Entries of .debug_info, read past quickly: units, functions, and what is inlined in them.

DWARF 5, sections 7.5.1 (headers of units), 2.17 (addresses of code), 3.3 (functions).
"""

import bisect
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from emu.boot import dwarf_forms as forms
from emu.boot.dwarf_forms import Abbreviation, Abbreviations, Widths, behind, number, uleb
from emu.boot.dwarf_ranges import Ranges, listed, old_listed
from emu.boot.rust_names import is_mangled

UNITS_MAX: Final = 100_000
NAME_BYTES_MAX: Final = 4_096
ORIGINS_MAX: Final = 8
"""References from one entry to the next; damage may make a ring of them."""
SUBPROGRAM, INLINED, BLOCK = 0x2E, 0x1D, 0x0B
_KEPT: Final = frozenset((SUBPROGRAM, INLINED))
_UNITS_OF_CODE: Final = (1, 3, 4)
"""DW_UT_compile, DW_UT_partial, DW_UT_skeleton."""

_NAME, _LOW, _HIGH, _RANGES = 0x03, 0x11, 0x12, 0x55
_ORIGIN, _SPECIFICATION, _CALL_FILE, _CALL_LINE = 0x31, 0x47, 0x58, 0x59
_LINES, _FOLDER = 0x10, 0x1B
_LINKAGE: Final = (0x6E, 0x2007)
_STR_OFFSETS, _ADDRESSES, _RANGE_LISTS = 0x72, 0x73, 0x74
_WANTED: Final = frozenset(
    (_LOW, _HIGH, _RANGES, _ORIGIN, _SPECIFICATION, _CALL_FILE, _CALL_LINE, _NAME, *_LINKAGE)
)


class DwarfSections(NamedTuple):
    """What entries are read from; empty where a file has none."""

    info: bytes
    abbreviations: bytes
    strings: bytes
    line_strings: bytes
    string_offsets: bytes
    addresses: bytes
    range_lists: bytes
    ranges: bytes
    lines: bytes


AbbreviationTables = dict[tuple[int, Widths], Abbreviations]
"""(offset in .debug_abbrev, widths) -> the table there."""
Attributes = dict[int, tuple[int, int]]
"""DW_AT_* -> (form, number)."""


class Found(NamedTuple):
    """A function with code, or one inlined in another."""

    level: int
    """In how many functions with code it is."""
    origin: int
    """Offset in .debug_info of the entry that names it: its own, or that of all its copies."""
    inlined: bool
    ranges: Ranges
    """[start, end) link addresses."""
    call_file: int
    call_line: int


def sections_of(dwarf: Any) -> DwarfSections:
    """Those of a file that pyelftools has opened, which has unpacked them."""
    names = ("debug_info_sec", "debug_abbrev_sec", "debug_str_sec", "debug_line_str_sec",
             "debug_str_offsets_sec", "debug_addr_sec", "debug_rnglists_sec",
             "debug_ranges_sec", "debug_line_sec")  # fmt: skip
    found = (getattr(dwarf, name, None) for name in names)
    return DwarfSections(*(b"" if one is None else one.stream.getvalue() for one in found))


class Unit:
    """One unit: its header, and how values in it are read."""

    def __init__(self, sections: DwarfSections, start: int, tables: AbbreviationTables) -> None:
        """Raises one of `DAMAGED`. `tables`: abbreviations that were read already."""
        data = sections.info
        self.sections, self.start = sections, start
        wide = 8 if data[start : start + 4] == b"\xff" * 4 else 4
        at = start + (4 if wide == 8 else 0)
        length = int.from_bytes(data[at : at + wide], "little")
        at += wide
        self.end = at + length
        if self.end > len(data) or length < 7:
            raise ValueError("a unit that is longer than its section")
        self.version = int.from_bytes(data[at : at + 2], "little")
        at += 2
        kind, address = 1, data[at + wide]
        if self.version >= 5:
            kind, address, at = data[at], data[at + 1], at + 2
        table = int.from_bytes(data[at : at + wide], "little")
        at += wide + (self.version < 5)
        self.widths = Widths(wide, address)
        self.of_code = kind in _UNITS_OF_CODE and 2 <= self.version <= 5 and address in (4, 8)
        self.first = at + (8 if kind in (4, 5) else 0)
        key = table, self.widths
        self._abbreviations = tables.setdefault(
            key, Abbreviations(sections.abbreviations, *key)
        )
        self._strings_at = self._addresses_at = self._lists_at = 0
        self._base = 0
        self._top: Attributes | None = None

    @property
    def top(self) -> Attributes:
        """What is said of the unit itself; raises one of `DAMAGED`."""
        if self._top is None:
            top = self._attributes(self.first)
            self._strings_at = top.get(_STR_OFFSETS, (0, 2 * self.widths.offset))[1]
            self._addresses_at = top.get(_ADDRESSES, (0, 8))[1]
            self._lists_at = top.get(_RANGE_LISTS, (0, 0))[1]
            self._top = top
            self._base = self._address(*top[_LOW]) if _LOW in top else 0
        return self._top

    @property
    def line_table(self) -> int | None:
        """Where in .debug_line its lines are."""
        return self.top[_LINES][1] if _LINES in self.top else None

    @property
    def folder(self) -> str | None:
        """Where it was compiled."""
        return self.text(*self.top[_FOLDER]) if _FOLDER in self.top else None

    def ranges(self) -> Ranges | None:
        """Where its code lies; None if it does not say. Raises one of `DAMAGED`."""
        return self._ranges(self.top) if _RANGES in self.top or _HIGH in self.top else None

    def functions(self) -> Iterator[Found]:
        """Functions with code and what is inlined in them, each before what it contains.
        Raises one of `DAMAGED`, behind those that can be read."""
        _ = self.top
        data, widths, table = self.sections.info, self.widths, self._abbreviations
        at, depth, end = self.first, 0, self.end
        outer: list[int] = []
        """Depths of the functions that are open."""
        while at < end:
            begin = at
            code = data[at]
            at += 1
            if code >= 0x80:
                code, at = uleb(data, begin)
            if not code:
                depth -= 1
                if outer and outer[-1] == depth:
                    outer.pop()
                if depth <= 0:
                    return
                continue
            entry = table[code]
            if entry.tag in _KEPT:
                found = self._function(entry, begin, at, len(outer))
                if found is not None:
                    yield found
                    if entry.children:
                        outer.append(depth)
            if entry.size >= 0:
                at += entry.size
            else:
                for count, form in entry.skips:
                    at += count
                    if form:
                        at = behind(data, at, form, widths)
            depth += entry.children

    def _function(self, entry: Abbreviation, begin: int, at: int, level: int) -> Found | None:
        found = self._values(entry, at)
        if _RANGES not in found and _HIGH not in found:
            return None
        ranges = self._ranges(found)
        if not ranges:
            return None
        file, line = found.get(_CALL_FILE, (0, 0))[1], found.get(_CALL_LINE, (0, 0))[1]
        origin = found.get(_ORIGIN)
        named = begin if origin is None else self.reference(*origin)
        return Found(level, named, entry.tag == INLINED, ranges, file, line)

    def names_at(self, offset: int) -> tuple[Attributes, "Unit"]:
        """What is said of an entry of this unit."""
        _ = self.top
        return self._attributes(offset), self

    def _attributes(self, at: int) -> Attributes:
        code, at = uleb(self.sections.info, at)
        return self._values(self._abbreviations[code], at, every=True)

    def _values(self, entry: Abbreviation, at: int, *, every: bool = False) -> Attributes:
        data, found = self.sections.info, {}
        for one in entry.forms:
            if every or one.attribute in _WANTED:
                found[one.attribute] = (one.form, number(data, at, one, self.widths))
            at = behind(data, at, one.form, self.widths)
        return found

    def _address(self, form: int, value: int) -> int:
        """The address that a value is, or that stands at an index (7.27)."""
        if form not in forms.ADDRESS_INDEX:
            return value
        return self.indexed(value)

    def indexed(self, index: int) -> int:
        """An address of .debug_addr."""
        size = self.widths.address
        at = self._addresses_at + size * index
        found = self.sections.addresses[at : at + size]
        if len(found) < size:
            raise IndexError("no such address")
        return int.from_bytes(found, "little")

    def _ranges(self, found: Attributes) -> Ranges:
        if _RANGES in found:
            form, value = found[_RANGES]
            if self.version < 5:
                return old_listed(self.sections.ranges, value, self._base, self.widths.address)
            data = self.sections.range_lists
            if form == forms.RANGE_LIST_INDEX:
                size = self.widths.offset
                at = self._lists_at + value * size
                value = self._lists_at + int.from_bytes(data[at : at + size], "little")
            return listed(data, value, self._base, self.indexed, self.widths.address)
        if _LOW not in found:
            return ()
        start = self._address(*found[_LOW])
        form, value = found[_HIGH]
        if form == forms.ADDRESS or form in forms.ADDRESS_INDEX:
            value = self._address(form, value) - start
        return ((start, start + value),) if value > 0 else ()

    def reference(self, form: int, value: int) -> int:
        """The offset in .debug_info of the entry that a value names."""
        if form not in forms.REFERENCES:
            raise ValueError("a reference that is none")
        return value if form == forms.WHOLE_REFERENCE else self.start + value

    def text(self, form: int, value: int) -> str:
        """The string that a value is; raises one of `DAMAGED`."""
        sections, data = self.sections, self.sections.strings
        if form == forms.STRING:
            data = sections.info
        elif form == forms.LINE_STRING_OFFSET:
            data = sections.line_strings
        elif form in forms.STRING_INDEX:
            size = self.widths.offset
            at = self._strings_at + value * size
            value = int.from_bytes(sections.string_offsets[at : at + size], "little")
        elif form != forms.STRING_OFFSET:
            raise ValueError("a name that is no string")
        stop = data.index(b"\0", value, value + NAME_BYTES_MAX)
        return data[value:stop].decode("utf-8", "replace")


class Entries:
    """All units of a file that have code."""

    def __init__(self, sections: DwarfSections) -> None:
        self.sections = sections
        self._tables: AbbreviationTables = {}
        self.units: list[Unit] = []
        at = 0
        while at < len(sections.info) and len(self.units) < UNITS_MAX:
            try:
                unit = Unit(sections, at, self._tables)
            except forms.DAMAGED:  # it hides the next ones
                break
            if unit.of_code:
                self.units.append(unit)
            at = unit.end
        self._starts = [unit.start for unit in self.units]

    def name(self, unit: Unit, offset: int) -> str:
        """What a function is called: as the linker knows it if a Rust compiler gave that name,
        else as its source has it; empty if nobody says, or it is damaged."""
        linked = plain = ""
        try:
            for _ in range(ORIGINS_MAX):
                found, unit = self._unit_of(unit, offset).names_at(offset)
                for one in _LINKAGE:
                    linked = linked or (unit.text(*found[one]) if one in found else "")
                plain = plain or (unit.text(*found[_NAME]) if _NAME in found else "")
                link = found.get(_ORIGIN) or found.get(_SPECIFICATION)
                if link is None:
                    break
                offset = unit.reference(*link)
        except forms.DAMAGED:
            pass
        return linked if is_mangled(linked) else plain or linked

    def at(self, start: int) -> Unit | None:
        """The unit that begins at an offset."""
        index = bisect.bisect_left(self._starts, start)
        found = self.units[index : index + 1]
        return found[0] if found and found[0].start == start else None

    def _unit_of(self, near: Unit, offset: int) -> Unit:
        if near.start <= offset < near.end:
            return near
        index = bisect.bisect_right(self._starts, offset) - 1
        if index < 0 or offset >= self.units[index].end:
            raise ValueError("an entry of no unit")
        return self.units[index]
