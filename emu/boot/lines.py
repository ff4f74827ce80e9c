"""From an address to a line of source and back, by the images' DWARF.

Read lazily, one compilation unit at a time and only when somebody asks, and then kept on disk.
Sections 6.2 (line number tables) and 2.17 (address ranges) of the DWARF 5 standard; DWARF 4
differs in how it counts files and folders.
"""

from __future__ import annotations

import bisect
from array import array
from contextlib import suppress
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from posixpath import join, normpath
from typing import Any, Final

from msgspec import Struct, field

from emu.boot.dwarf import IMAGES_KEPT, DebugInfo, debug_info
from emu.boot.image import Image, Placed
from emu.errors import ApdbgError
from emu.given.files import read_file
from emu.hw.address import U64

SEARCH_UP: Final = 3
"""How many folders above an image its source may lie."""
SOURCE_SUFFIXES: Final = frozenset(
    (".c", ".h", ".s", ".asm", ".inc", ".nasm", ".rs", ".zig", ".go", ".cc", ".cpp", ".cxx",
     ".hh", ".hpp", ".hxx", ".inl", ".ld", ".lds", ".adb", ".ads", ".d", ".nim", ".pas")
)  # fmt: skip
"""How names of source end, in small letters."""
SOURCE_BYTES_MAX: Final = 4 << 20
"""A larger file is no source that anybody reads."""
ROWS_MAX: Final = 1_000_000
"""Rows of one unit; a damaged table may claim more than memory holds."""
_EXECUTABLE: Final = 1
_Row = tuple[int, int, int, int, int]
"""(start, end, line, file, is_stmt)."""
_Ranges = tuple[tuple[int, int], ...]
"""[start, end) of addresses."""
_EVERYWHERE: Final = ((0, U64),)
_ROW_MAX: Final = U64
"""No address and no number in a row is as large, unless it is damaged."""


UNITS_LISTED_MAX: Final = 64
"""Units of an image whose files are listed: a large kernel has thousands, and each is read."""


class _LineRows(Struct, frozen=True):
    """The rows of one unit as columns, by link address: row i is `starts[i]` to `ends[i]`."""

    starts: array[int] = field(default_factory=lambda: array("Q"))
    ends: array[int] = field(default_factory=lambda: array("Q"))
    numbers: array[int] = field(default_factory=lambda: array("Q"))
    files: array[int] = field(default_factory=lambda: array("Q"))
    statements: array[int] = field(default_factory=lambda: array("B"))

    @property
    def columns(self) -> tuple[array[int], ...]:
        """All of them, in the order of a row."""
        return (self.starts, self.ends, self.numbers, self.files, self.statements)


class _UnitLines(Struct, frozen=True):
    """What one unit says, as it is kept: its files by number, its rows as bytes of columns."""

    names: dict[int, str]
    """File number -> path as compiled, relative to the folder of the compiler."""
    rows: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, names: dict[int, str], rows: list[_Row]) -> _UnitLines:
        """From (start, end, line, file, is_stmt) rows in any order."""
        table = _LineRows()
        for row in sorted(rows):
            for column, value in zip(table.columns, row, strict=True):
                column.append(value)
        return cls(names, tuple(column.tobytes() for column in table.columns))


class _Unit:
    """One compilation unit: where its code lies now, its rows when they are needed."""

    def __init__(self, info: DebugInfo, code: _Ranges, number: int, ranges: _Ranges) -> None:
        self.ranges = ranges
        """[start, end) link addresses of its code; everywhere if it does not say."""
        self._info = info
        self._code = code
        self._number = number

    @cached_property
    def _lines(self) -> _UnitLines:
        question = f"lines of unit {self._number} in {self._code}"
        return self._info.answer(question, _UnitLines, self._read)

    @property
    def names(self) -> dict[int, str]:
        """File number -> path as compiled, relative to the folder of the compiler."""
        return self._lines.names

    @cached_property
    def table(self) -> _LineRows:
        """All rows of code that the linker kept."""
        table = _LineRows()
        for column, data in zip(table.columns, self._lines.rows, strict=False):
            column.frombytes(data)
        return table

    def _read(self) -> _UnitLines:
        unit = self._info.units[self._number]
        rows: list[_Row] = []
        try:
            program = self._info.dwarf.line_program_for_CU(unit)  # type: ignore[union-attr]
            if program is None:
                return _UnitLines({})
        except Exception:  # damaged: no rows
            return _UnitLines({})
        try:
            names = _file_names(program.header, unit.get_top_DIE())
        except Exception:  # damaged: lines of unknown files
            names = {}
        try:
            _collect(program, self._code, rows)
        except Exception:  # damaged: the rows before it are good
            rows = rows[:ROWS_MAX]
        return _UnitLines.of(names, rows)


class _Units:
    """All units of an ELF file, at link addresses."""

    def __init__(self, info: DebugInfo, code: _Ranges) -> None:
        ranges: tuple[_Ranges, ...] = ()
        if info.present:
            ranges = info.answer(
                "ranges of units", tuple[_Ranges, ...], lambda: _all_ranges(info)
            )
        self.every = tuple(_Unit(info, code, *row) for row in enumerate(ranges))
        self._everywhere = [n for n, spans in enumerate(ranges) if spans == _EVERYWHERE]
        spans = sorted(
            (start, end, number)
            for number, spans in enumerate(ranges)
            if spans != _EVERYWHERE
            for start, end in spans
        )
        self._spans = spans
        self._starts = [start for start, _, _ in spans]
        self._reach = list(accumulate((end for _, end, _ in spans), max))
        """The furthest end of a span and all before it."""

    def at(self, link: int) -> list[_Unit]:
        """Those with code at an address, in the order of the file; as a rule it is one."""
        found = set(self._everywhere)
        index = bisect.bisect_right(self._starts, link) - 1
        while index >= 0 and self._reach[index] > link:
            if self._spans[index][1] > link:
                found.add(self._spans[index][2])
            index -= 1
        return [self.every[number] for number in sorted(found)]


def _all_ranges(info: DebugInfo) -> tuple[_Ranges, ...]:
    if not info.present:
        return ()
    return info.answer(
        "ranges of units", tuple[_Ranges, ...],
        lambda: tuple(_ranges_of(info.dwarf, unit) for unit in info.units),
    )  # fmt: skip


def _ranges_of(dwarf: Any, unit: Any) -> _Ranges:
    try:
        return _ranges(dwarf, unit.get_top_DIE())
    except Exception:  # damaged: its rows will tell
        return _EVERYWHERE


def _ranges(dwarf: Any, top: Any) -> _Ranges:
    """DW_AT_ranges, else DW_AT_low_pc and DW_AT_high_pc (an address, or since 4 a length)."""
    low = top.attributes.get("DW_AT_low_pc")
    start = low.value if low else 0
    if "DW_AT_ranges" in top.attributes:
        place = top.attributes["DW_AT_ranges"]
        lists = dwarf.range_lists()
        found = []
        for entry in lists.get_range_list_at_offset(place.value, cu=top.cu):
            if hasattr(entry, "base_address"):
                start = entry.base_address
            else:
                base = 0 if getattr(entry, "is_absolute", False) else start
                found.append((base + entry.begin_offset, base + entry.end_offset))
        return tuple(found)
    high = top.attributes.get("DW_AT_high_pc")
    if low is None or high is None:
        return _EVERYWHERE
    return ((start, high.value if high.form == "DW_FORM_addr" else start + high.value),)


def _file_names(header: Any, top: Any) -> dict[int, str]:
    """Numbers of files and folders start at 1 before DWARF 5, at 0 since."""
    first = 0 if header["version"] >= 5 else 1
    folders = [_text(folder) for folder in header["include_directory"]]
    compiled_in = top.attributes.get("DW_AT_comp_dir")
    root = normpath(_text(compiled_in.value)) if compiled_in else "."
    found = {}
    for number, entry in enumerate(header["file_entry"], first):
        index = entry.dir_index - first
        folder = folders[index] if 0 <= index < len(folders) else ""
        path = normpath(join(root, folder, _text(entry.name)))
        found[number] = path.removeprefix(f"{root}/")
    return found


def _text(value: Any) -> str:
    raw = getattr(value, "DW_LNCT_path", value)
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _units_of(image: Image) -> _Units:
    """The units of an image: of link addresses only, so wherever it is placed."""
    code = tuple(
        (
            segment.address + segment.above,
            segment.address + segment.above + segment.memory_bytes,
        )
        for segment in image.segments
        if segment.flags & _EXECUTABLE
    )
    return _units_in(debug_info(image), code)


@lru_cache(maxsize=IMAGES_KEPT)
def _units_in(info: DebugInfo, code: _Ranges) -> _Units:
    return _Units(info, code)


def _collect(program: Any, code: _Ranges, rows: list[_Row]) -> None:
    """Run a line program; a sequence outside the code is what the linker dropped."""
    before = None
    kept = False
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if before is None:
            kept = _holds_code(code, state.address)
        elif kept and _is_sound(before, state.address):
            rows.append(
                (before.address, state.address, before.line, before.file, bool(before.is_stmt))
            )
            if len(rows) >= ROWS_MAX:
                return
        before = None if state.end_sequence else state


def _is_sound(state: Any, end: int) -> bool:
    numbers = 0 < state.line < _ROW_MAX and state.file < _ROW_MAX
    return numbers and bool(state.address < end < _ROW_MAX)


def _holds_code(code: _Ranges, address: int) -> bool:
    """Address 0 of a PIE is its ELF header, so nothing that was kept lies there."""
    return address > 0 and any(start <= address < end for start, end in code)


class LineTable:
    """The line tables of all placed images, at run addresses."""

    def __init__(self, placed: tuple[Placed, ...]) -> None:
        self._placed = placed
        self._spans = [
            (first + one.bias, end + one.bias, one)
            for one in placed
            for first, end in one.image.linked
        ]
        self._units: dict[str, _Units] = {}
        self._texts: dict[str, list[str] | None] = {}
        self._files: tuple[str, ...] | None = None

    def _units_of(self, item: Placed) -> _Units:
        if item.name not in self._units:
            self._units[item.name] = _units_of(item.image)
        return self._units[item.name]

    def line_of(self, address: int) -> tuple[str, int] | None:
        """(file, line) of the code at an address, None where no table covers it."""
        for first, end, item in self._spans:
            if not first <= address < end:
                continue
            link = address - item.bias
            for unit in self._units_of(item).at(link):
                table = unit.table
                row = bisect.bisect_right(table.starts, link) - 1
                if row >= 0 and link < table.ends[row]:
                    return unit.names.get(table.files[row], "?"), table.numbers[row]
        return None

    def begins(self, address: int) -> bool:
        """Whether a statement of source begins at an address: execution that comes there has
        come to another line, or to the same one again."""
        for first, end, item in self._spans:
            link = address - item.bias
            if first <= address < end and any(
                _begins(unit.table, link) for unit in self._units_of(item).at(link)
            ):
                return True
        return False

    def addresses(self, file: str, number: int) -> tuple[int, ...]:
        """Where the code of a line begins, ascending; `file` may be the end of a path."""
        found = {
            link + item.bias
            for item in self._placed
            for unit in self._units_of(item).every
            for link in _beginnings(unit, file, number)
        }
        return tuple(sorted(found))

    def files(self) -> tuple[str, ...]:
        """The source files that have code, sorted, as they were compiled."""
        if self._files is None:
            found = {
                unit.names[index]
                for item in self._placed
                for unit in self._units_of(item).every[:UNITS_LISTED_MAX]
                for index in set(unit.table.files)
                if index in unit.names
            }
            self._files = tuple(sorted(found))
        return self._files

    def numbers(self, file: str) -> tuple[int, ...]:
        """The lines of a file that have code, ascending."""
        found = {
            number
            for item in self._placed
            for unit in self._units_of(item).every
            if file in unit.names.values()
            for number, index in zip(unit.table.numbers, unit.table.files, strict=True)
            if unit.names.get(index) == file
        }
        return tuple(sorted(found))

    def text(self, file: str, number: int) -> str | None:
        """A line of source, None where the file cannot be found."""
        if file not in self._texts:
            self._texts[file] = self._read(file)
        lines = self._texts[file]
        return lines[number - 1] if lines and 0 < number <= len(lines) else None

    def _read(self, file: str) -> list[str] | None:
        """Source lies beside an image, or up to a few folders above it. An image says where: a
        hostile one shall not bring a secret of the user into a report that is handed on."""
        if Path(file).suffix.lower() not in SOURCE_SUFFIXES:
            return None
        for item in self._placed:
            here = item.image.path.resolve().parent
            for folder in (here, *here.parents[:SEARCH_UP]):
                place = Path(folder, file)
                with suppress(ApdbgError):  # not there, not to be read, or no file
                    text = read_file(place, SOURCE_BYTES_MAX).decode("utf-8", "replace")
                    return text.expandtabs(8).splitlines()
        return None


def _begins(table: _LineRows, link: int) -> bool:
    row = bisect.bisect_left(table.starts, link)
    while row < len(table.starts) and table.starts[row] == link:
        if table.statements[row]:
            return True
        row += 1
    return False


def _beginnings(unit: _Unit, file: str, number: int) -> list[int]:
    """Link addresses at which execution comes to a line from another one."""
    files = {
        index
        for index, name in unit.names.items()
        if file and (name == file or name.endswith(f"/{file}"))
    }
    if not files:
        return []
    table = unit.table
    same = [
        line == number and name in files
        for line, name in zip(table.numbers, table.files, strict=True)
    ]
    starts = [
        row
        for row, hit in enumerate(same)
        if hit and not (row and same[row - 1] and table.ends[row - 1] == table.starts[row])
    ]
    statements = [row for row in starts if table.statements[row]]
    return [table.starts[row] for row in statements or starts]
