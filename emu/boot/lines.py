"""From an address to a line of source and to the functions inlined there, and back, by the
images' DWARF."""

import bisect
from collections.abc import Iterator
from functools import partial
from typing import Final

from msgspec import Struct

from emu.boot.dwarf import debug_info
from emu.boot.image import Placed
from emu.boot.line_program import LineRows
from emu.boot.rust_names import is_meant
from emu.boot.sources import Source, SourceMap, Sources
from emu.boot.unit_lines import SourceCheck, UnitOfCode, Units, units_of

UNITS_LISTED_MAX: Final = 64
"""Units of an image whose files are listed: a large kernel has thousands, and each is read."""


class CodeFunction(Struct, frozen=True):
    """One of the functions that an address is of: the one that was called, or one inlined in
    it."""

    key: tuple[str, int, int]
    """Image, unit, number there: two calls of one function are two."""
    name: str
    """As the linker or the source has it."""
    inlined: bool
    file: str
    """Where an inlined one is called; empty and 0 where nobody says."""
    line: int


class LineTable:
    """The line tables of all placed images, at run addresses."""

    def __init__(self, placed: tuple[Placed, ...]) -> None:
        self._placed = placed
        self._spans = [
            (first + one.bias, end + one.bias, one)
            for one in placed
            for first, end in one.image.linked
        ]
        self._units: dict[str, Units] = {}
        self._sources: dict[str, Source] = {}
        self._files_here = Sources(placed)
        self._files: tuple[str, ...] | None = None

    def _units_of(self, item: Placed) -> Units:
        if item.name not in self._units:
            self._units[item.name] = units_of(item.image)
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

    def inlined(self, name: str) -> dict[str, list[int]]:
        """Name as it is compiled -> where its inlined calls begin, ascending, of functions
        that a name, or the last parts of a path, may mean. Reads all units of images that have
        such a word."""
        last = name.rpartition("::")[2].encode()
        found: dict[str, list[int]] = {}
        for item in self._placed:
            if not last or not debug_info(item.image).mentions(last):
                continue
            for unit in self._units_of(item).every:
                for one, starts in unit.instances.named(partial(is_meant, name)).items():
                    found.setdefault(one, []).extend(link + item.bias for link in starts)
        return {one: sorted(starts) for one, starts in found.items()}

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
        lines = self.source(file).lines
        return lines[number - 1] if 0 < number <= len(lines) else None

    def source(self, file: str) -> Source:
        """A file as the line tables name it: its lines, where they are, or why not."""
        if file not in self._sources:
            unit = next(
                (one for one in self._known_units() if file in one.names.values()), None
            )
            root, check = ("", SourceCheck()) if unit is None else (unit.root, unit.check(file))
            self._sources[file] = self._files_here.get(file, root, check)
        return self._sources[file]

    def _known_units(self) -> Iterator[UnitOfCode]:
        """Those of which somebody has read a line: who names a file has it from one of them."""
        for units in self._units.values():
            yield from (unit for unit in units.every if unit.is_read)

    def look_in(self, maps: tuple[SourceMap, ...]) -> None:
        """From now on look for source by these maps, too."""
        self._sources.clear()
        self._files_here.look_in(maps)

    def functions(self, address: int) -> tuple[CodeFunction, ...]:
        """The functions that an address is of, the innermost first and the one that was called
        last; none where no debug information tells."""
        for first, end, item in self._spans:
            if not first <= address < end:
                continue
            link = address - item.bias
            for unit in self._units_of(item).at(link):
                found = unit.instances.at(link)
                if found:
                    return tuple(
                        CodeFunction(
                            (item.name, unit.number, one.number), one.name, one.inlined,
                            unit.names.get(one.file, "") if one.inlined else "", one.line,
                        )
                        for one in found
                    )  # fmt: skip
        return ()


def _begins(table: LineRows, link: int) -> bool:
    row = bisect.bisect_left(table.starts, link)
    while row < len(table.starts) and table.starts[row] == link:
        if table.statements[row]:
            return True
        row += 1
    return False


def _beginnings(unit: UnitOfCode, file: str, number: int) -> list[int]:
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
