"""The line table of one unit: its header, its files, and the program that makes its rows.

DWARF 5, section 6.2 (6.2.4 the header, 6.2.5 the program); DWARF 2 to 4 differ in the header.
"""

from array import array
from typing import Final

from msgspec import Struct, field

from emu.boot.dwarf_entries import Unit
from emu.boot.dwarf_forms import DAMAGED, STRING, Form, Widths, behind, number, sleb, uleb
from emu.boot.dwarf_ranges import Ranges
from emu.hw.address import U64

ROWS_MAX: Final = 1_000_000
"""Rows of one unit; a damaged table may claim more than memory holds."""
FILES_MAX: Final = 100_000
_PATH, _FOLDER, _SIZE, _MD5 = 1, 2, 4, 5
"""DW_LNCT_*."""


class LineFile(Struct, frozen=True):
    """A file as a line table has it."""

    name: str
    folder: int
    md5: bytes = b""
    size: int = 0
    """Bytes; 0 where nobody says."""


class LineRows(Struct, frozen=True):
    """The rows of one unit as columns, by link address: row i is `starts[i]` to `ends[i]`."""

    starts: "array[int]" = field(default_factory=lambda: array("Q"))
    ends: "array[int]" = field(default_factory=lambda: array("Q"))
    numbers: "array[int]" = field(default_factory=lambda: array("Q"))
    files: "array[int]" = field(default_factory=lambda: array("Q"))
    statements: "array[int]" = field(default_factory=lambda: array("B"))

    @property
    def columns(self) -> tuple["array[int]", ...]:
        """All of them, in the order of a row."""
        return (self.starts, self.ends, self.numbers, self.files, self.statements)


Row = tuple[int, int, int, int, int]
"""(start, end, line, file, is_stmt)."""


class LineProgram:
    """One unit's, with its header read."""

    def __init__(self, unit: Unit, at: int) -> None:
        """`at`: offset in .debug_line. Raises one of `DAMAGED`."""
        data = unit.sections.lines
        self._unit, self._data = unit, data
        wide = data[at : at + 4] == b"\xff" * 4
        self._widths = Widths(8 if wide else 4, unit.widths.address)
        at += 4 if wide else 0
        length, at = self._offset(at)
        self._end = min(at + length, len(data))
        self.version = int.from_bytes(data[at : at + 2], "little")
        if not 2 <= self.version <= 5:
            raise ValueError("no version of a line table")
        at += 4 if self.version >= 5 else 2
        length, at = self._offset(at)
        self._program = at + length
        self._least, at = data[at], at + 1
        if self.version >= 4:  # maximum_operations_per_instruction: 1, but for VLIW
            at += 1
        self._is_statement = bool(data[at])
        self._line_base = data[at + 1] - 256 * (data[at + 1] >> 7)
        self._line_range, self._opcode_base = data[at + 2], data[at + 3]
        at += 4
        self._lengths = data[at : at + self._opcode_base - 1]
        at += self._opcode_base - 1
        self.first = 0 if self.version >= 5 else 1
        """The number of the first file, and of the first folder."""
        self.folders, self.files = self._tables(at) if self.first == 0 else self._old(at)

    def _offset(self, at: int) -> tuple[int, int]:
        size = self._widths.offset
        return int.from_bytes(self._data[at : at + size], "little"), at + size

    def _text(self, at: int) -> tuple[str, int]:
        stop = self._data.index(b"\0", at)
        return self._data[at:stop].decode("utf-8", "replace"), stop + 1

    def _old(self, at: int) -> tuple[list[str], list[LineFile]]:
        """Folders and files up to DWARF 4 (there 6.2.4, 11 and 12)."""
        folders, files = list[str](), list[LineFile]()
        while self._data[at] and len(folders) < FILES_MAX:
            folder, at = self._text(at)
            folders.append(folder)
        at += 1
        while self._data[at] and len(files) < FILES_MAX:
            name, at = self._text(at)
            index, at = uleb(self._data, at)
            _, at = uleb(self._data, at)
            size, at = uleb(self._data, at)
            files.append(LineFile(name, index - 1, b"", size))
        return folders, files

    def _tables(self, at: int) -> tuple[list[str], list[LineFile]]:
        """Folders and files since DWARF 5 (6.2.4.1)."""
        folders, at = self._entries(at)
        files, _ = self._entries(at)
        return [one.name for one in folders], files

    def _entries(self, at: int) -> tuple[list[LineFile], int]:
        data, widths = self._data, self._widths
        formats, at = [(0, 0)] * data[at], at + 1
        for index in range(len(formats)):
            kind, at = uleb(data, at)
            form, at = uleb(data, at)
            formats[index] = kind, form
        count, at = uleb(data, at)
        found = []
        for _ in range(min(count, FILES_MAX)):
            values = {}
            for kind, form in formats:
                next_ = behind(data, at, form, widths)
                values[kind] = (form, at, next_)
                at = next_
            found.append(self._file(values))
        return found, at

    def _file(self, values: dict[int, tuple[int, int, int]]) -> LineFile:
        def plain(kind: int) -> int:
            form, at, _ = values.get(kind, (0, 0, 0))
            return number(self._data, at, Form(kind, form, 0), self._widths) if form else 0

        form, at, _ = values[_PATH]
        if form == STRING:
            name = self._text(at)[0]
        else:
            place = number(self._data, at, Form(0, form, 0), self._widths)
            name = self._unit.text(form, place)
        digest = values.get(_MD5)
        md5 = b"" if digest is None else self._data[digest[1] : digest[2]]
        return LineFile(name, plain(_FOLDER), md5, plain(_SIZE))

    def rows(self, code: Ranges) -> list[Row]:
        """The rows of the code that the linker kept: a sequence that begins outside of it was
        dropped. Of a damaged program those before the damage."""
        found: list[Row] = []
        try:
            _Machine(self, code, found).run()
        except (*DAMAGED, ZeroDivisionError):
            pass
        return found


class _Machine:
    """The state machine of 6.2.2."""

    def __init__(self, program: LineProgram, code: Ranges, rows: list[Row]) -> None:
        self._of, self._code, self._rows = program, code, rows
        self._before: Row | None = None
        """Address, 0, line, file and is_stmt of the row before, in this sequence."""
        self._kept = False

    def _row(self, address: int, line: int, file: int, statement: bool) -> None:
        """A row begins, and the one before ends."""
        before = self._before
        if before is None:
            self._kept = address > 0 and any(a <= address < b for a, b in self._code)
        elif self._kept:
            start, _, number, of, is_statement = before
            sound = 0 < number < U64 and of < U64
            if sound and start < address < U64:
                self._rows.append((start, address, number, of, is_statement))
        self._before = (address, 0, line, file, statement)

    def run(self) -> None:
        """To the end of the program, or of what can be read."""
        of = self._of
        data, at, end = of._data, of._program, of._end
        base, line_base, line_range = of._opcode_base, of._line_base, of._line_range
        least, default = of._least, of._is_statement
        constant = (255 - base) // line_range * least
        address, file, line, statement = 0, 1, 1, default
        while at < end and len(self._rows) < ROWS_MAX:
            opcode = data[at]
            at += 1
            if opcode >= base:
                advance = opcode - base
                address += advance // line_range * least
                line += line_base + advance % line_range
                self._row(address, line, file, statement)
                continue
            match opcode:
                case 0:
                    count, at = uleb(data, at)
                    kind, behind_ = data[at], at + count
                    if kind == 1:  # DW_LNE_end_sequence
                        self._row(address, line, file, statement)
                        self._before = None
                        address, file, line, statement = 0, 1, 1, default
                    elif kind == 2:  # DW_LNE_set_address
                        address = int.from_bytes(data[at + 1 : behind_], "little")
                    at = behind_
                case 1:  # DW_LNS_copy
                    self._row(address, line, file, statement)
                case 2:  # advance_pc
                    advance, at = uleb(data, at)
                    address += advance * least
                case 3:  # advance_line
                    advance, at = sleb(data, at)
                    line += advance
                case 4:  # set_file
                    file, at = uleb(data, at)
                case 6:  # negate_stmt
                    statement = not statement
                case 8:  # const_add_pc
                    address += constant
                case 9:  # fixed_advance_pc
                    address += int.from_bytes(data[at : at + 2], "little")
                    at += 2
                case _:  # set_column, set_isa, flags, and whatever is newer
                    for _ in range(of._lengths[opcode - 1]):
                        _, at = uleb(data, at)


def columns(rows: list[Row]) -> tuple[bytes, ...]:
    """Rows in any order as bytes of columns."""
    table = LineRows()
    for column, values in zip(table.columns, zip(*sorted(rows), strict=True), strict=False):
        column.extend(values)
    return tuple(column.tobytes() for column in table.columns)
