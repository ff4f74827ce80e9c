"""The units of an image: where their code lies, their lines, and their functions.

Read lazily, one unit at a time and only when somebody asks, and then kept on disk. DWARF 5,
sections 6.2 (line number tables) and 2.17 (address ranges).
"""

import bisect
from functools import cached_property, lru_cache
from itertools import accumulate
from posixpath import join, normpath
from typing import Final

from msgspec import Struct

from emu.boot import inlined
from emu.boot.dwarf import IMAGES_KEPT, DebugInfo, debug_info
from emu.boot.dwarf_entries import Unit
from emu.boot.dwarf_forms import DAMAGED
from emu.boot.dwarf_ranges import Ranges
from emu.boot.image import Image
from emu.boot.inlined import Instances, UnitInstances
from emu.boot.line_program import LineProgram, LineRows, columns
from emu.hw.address import U64

_EXECUTABLE: Final = 1
_EVERYWHERE: Final = ((0, U64),)


class SourceCheck(Struct, frozen=True):
    """What a line table knows of a file's content; empty and 0 where it does not say."""

    md5: bytes = b""
    size: int = 0


class _UnitLines(Struct, frozen=True):
    """What one unit says, as it is kept: its files by number, its rows as bytes of columns."""

    names: dict[int, str]
    """File number -> path as compiled, relative to the folder of the compiler."""
    root: str = ""
    """That folder."""
    checks: dict[int, SourceCheck] = {}
    rows: tuple[bytes, ...] = ()


class UnitOfCode:
    """One compilation unit: where its code lies now, its rows when they are needed."""

    def __init__(
        self, info: DebugInfo, code: Ranges, number: int, start: int, ranges: Ranges
    ) -> None:
        self.number = number
        self.ranges = ranges
        """[start, end) link addresses of its code; everywhere if it does not say."""
        self._info = info
        self._code = code
        self._start = start

    @cached_property
    def _lines(self) -> _UnitLines:
        question = f"lines of the unit at {self._start} in {self._code}"
        return self._info.answer(question, _UnitLines, self._read)

    @property
    def is_read(self) -> bool:
        """Whether its lines have been read."""
        return "_lines" in self.__dict__

    @cached_property
    def instances(self) -> Instances:
        """Its functions, and what is inlined in them."""
        question = f"functions of the unit at {self._start} in {self._code}"
        return Instances(self._info.answer(question, UnitInstances, self._read_instances))

    @property
    def names(self) -> dict[int, str]:
        """File number -> path as compiled, relative to the folder of the compiler."""
        return self._lines.names

    @property
    def root(self) -> str:
        """The folder of the compiler."""
        return self._lines.root

    def check(self, file: str) -> SourceCheck:
        """What is known of the content of one of its files."""
        lines = self._lines
        found = (lines.checks.get(n) for n, name in lines.names.items() if name == file)
        return next((one for one in found if one is not None), SourceCheck())

    @cached_property
    def table(self) -> LineRows:
        """All rows of code that the linker kept."""
        table = LineRows()
        for column, data in zip(table.columns, self._lines.rows, strict=False):
            column.frombytes(data)
        return table

    @property
    def _unit(self) -> Unit | None:
        return self._info.unit_at(self._start)

    def _read(self) -> _UnitLines:
        unit = self._unit
        try:
            place = None if unit is None else unit.line_table
            if unit is None or place is None:
                return _UnitLines({})
            program = LineProgram(unit, place)
            root = normpath(unit.folder or ".")
        except DAMAGED:  # no rows
            return _UnitLines({})
        names = _file_names(program, root)
        checks = {
            number: SourceCheck(one.md5, one.size)
            for number, one in enumerate(program.files, program.first)
            if one.md5 or one.size
        }
        return _UnitLines(names, root, checks, columns(program.rows(self._code)))

    def _read_instances(self) -> UnitInstances:
        entries, unit = self._info.entries, self._unit
        if entries is None or unit is None:
            return UnitInstances()
        return inlined.read(entries, unit, self._code)


class Units:
    """All units of an ELF file, at link addresses."""

    def __init__(self, info: DebugInfo, code: Ranges) -> None:
        rows: tuple[tuple[int, Ranges], ...] = ()
        if info.present:
            rows = info.answer(
                "code of units", tuple[tuple[int, Ranges], ...], lambda: _all_ranges(info)
            )
        self.every = tuple(UnitOfCode(info, code, n, *row) for n, row in enumerate(rows))
        self._everywhere = [n for n, (_, spans) in enumerate(rows) if spans == _EVERYWHERE]
        spans = sorted(
            (start, end, number)
            for number, (_, spans) in enumerate(rows)
            if spans != _EVERYWHERE
            for start, end in spans
        )
        self._spans = spans
        self._starts = [start for start, _, _ in spans]
        self._reach = list(accumulate((end for _, end, _ in spans), max))
        """The furthest end of a span and all before it."""

    def at(self, link: int) -> list[UnitOfCode]:
        """Those with code at an address, in the order of the file; as a rule it is one."""
        found = set(self._everywhere)
        index = bisect.bisect_right(self._starts, link) - 1
        while index >= 0 and self._reach[index] > link:
            if self._spans[index][1] > link:
                found.add(self._spans[index][2])
            index -= 1
        return [self.every[number] for number in sorted(found)]


def _all_ranges(info: DebugInfo) -> tuple[tuple[int, Ranges], ...]:
    entries = info.entries
    if entries is None:
        return ()
    return tuple((unit.start, _ranges_of(unit)) for unit in entries.units)


def _ranges_of(unit: Unit) -> Ranges:
    try:
        found = unit.ranges()
    except DAMAGED:  # its rows will tell
        return _EVERYWHERE
    return _EVERYWHERE if found is None else found


def _file_names(program: LineProgram, root: str) -> dict[int, str]:
    """Numbers of files and folders start at 1 before DWARF 5, at 0 since."""
    found = {}
    for number, one in enumerate(program.files, program.first):
        known = 0 <= one.folder < len(program.folders)
        folder = program.folders[one.folder] if known else ""
        path = normpath(join(root, folder, one.name))
        found[number] = path.removeprefix(f"{root}/")
    return found


def units_of(image: Image) -> Units:
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
def _units_in(info: DebugInfo, code: Ranges) -> Units:
    return Units(info, code)
