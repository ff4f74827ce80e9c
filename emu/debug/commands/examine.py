"""`examine`: memory as values of one size in one form, as gdb's `x/NFU` has them."""

import re
from collections.abc import Callable
from typing import Final

from emu.debug.aliases import FORMATS, SIZES
from emu.debug.command import Command, Values, some_text, some_times, text
from emu.debug.desk import Desk, Lines, focused, started
from emu.errors import CommandError
from emu.given.number import begins_a_number, how_often
from emu.given.plain import shown
from emu.hw.address import U64
from emu.picture import memory
from emu.picture.sections import MemoryLook, ascii
from emu.words.expression import address

COUNT: Final = 8
_FORM: Final = re.compile(f"[{''.join(SIZES)}][{FORMATS}]")
_GOES_ON: Final = "+-*&|^<>=~!(["
"""Behind one of these a number belongs to the place."""
COUNT_MAX: Final = 4_096
_ROW_VALUES: Final = {1: 8, 2: 8, 4: 4, 8: 2}
"""By the size of one in bytes: values in a row, as gdb has them."""
_STRING_MAX: Final = 200
"""Bytes of a string that are shown."""


def _signed(value: int, size: int) -> int:
    return value - (1 << 8 * size) if value >> 8 * size - 1 else value


_SHOW: Final[dict[str, Callable[[int, int], str]]] = {
    "x": lambda value, _: f"{value:#x}",
    "z": lambda value, size: f"0x{value:0{2 * size}x}",
    "d": lambda value, size: f"{_signed(value, size)}",
    "u": lambda value, _: f"{value}",
    "o": lambda value, _: f"0{value:o}",
    "t": lambda value, size: f"{value:0{8 * size}b}",
    "c": lambda value, size: f"{_signed(value, size)} '{ascii((value & 0xFF,))}'",
}
"""Letter -> (value, size in bytes) as text; a, s and i say more than the value."""


def _read(words: list[str]) -> Values:
    """`WHERE [COUNT] [FORM]`; WHERE may be several words."""
    rest, form, count = list(words), "gx", COUNT
    if len(rest) > 1 and _FORM.fullmatch(rest[-1]):
        form = rest.pop()
    if len(rest) > 1 and begins_a_number(rest[-1]) and rest[-2][-1] not in _GOES_ON:
        count = how_often(rest.pop(), "examine count")
    if not rest:
        raise CommandError("examine: needs where")
    if rest[-1][-1] in _GOES_ON:
        raise CommandError(f"examine: {' '.join(rest)}: something is missing at the end")
    return " ".join(rest), count, form


def _write(where: str, count: int, form: str) -> str:
    return f"{where} {count} {form}"


def _examine(desk: Desk, where: str, count: int, form: str) -> Lines:
    """One line a row; raises CommandError where the first byte is not mapped."""
    if count > COUNT_MAX:
        raise CommandError(f"examine: {count:,} are more than {COUNT_MAX:,} at once")
    size, letter = SIZES[form[0]], form[1]
    look = memory.look_of(where, "")
    cpu = started(desk) if look.space == "gva" else focused(desk)
    start = address(desk.machine, cpu, look.where)
    if letter == "i":
        return _instructions(desk, look, start, count)
    if letter == "s":
        return _strings(desk, look, start, count)
    data = memory.read(desk.machine, cpu, look.space, start, count * size)
    if not data or data[0] is None:
        raise CommandError(f"examine: {look.space} {start:#x}: nothing is mapped there")
    values = [_value(data[at : at + size]) for at in range(0, len(data), size)]
    while values[-1] is None and values[-2:-1] == [None]:
        values.pop()
    row = 1 if letter == "a" else _ROW_VALUES[size]
    return tuple(
        _place(desk, look, start + at * size)
        + "  ".join(_shown(desk, value, size, letter) for value in values[at : at + row])
        for at in range(0, len(values), row)
    )


def _value(data: list[int | None]) -> int | None:
    """None where a byte is not mapped."""
    known = bytes(byte for byte in data if byte is not None)
    return int.from_bytes(known, "little") if len(known) == len(data) else None


def _shown(desk: Desk, value: int | None, size: int, letter: str) -> str:
    if value is None:
        return "--"
    if letter != "a":
        return _SHOW[letter](value, size)
    name = desk.machine.board.layout.symbols.name(value) if value > 0xFFF else ""
    return f"{value:#x} {name}".rstrip()


def _place(desk: Desk, look: MemoryLook, at: int) -> str:
    """`0x8817fc0 <symbol+0x8>: `."""
    name = "" if look.space == "hpa" else desk.machine.board.layout.symbols.name(at & U64)
    return f"{at & U64:#x} <{name}>: " if name else f"{at & U64:#x}: "


def _strings(desk: Desk, look: MemoryLook, start: int, count: int) -> Lines:
    """Bytes up to a zero, one string a row."""
    rows, at, cpu = [], start, focused(desk)
    for _ in range(count):
        data = memory.read(desk.machine, cpu, look.space, at, _STRING_MAX)
        end = next((i for i, byte in enumerate(data) if not byte), len(data))
        if end == 0 and (not data or data[0] is None):
            raise CommandError(f"examine: {look.space} {at:#x}: nothing is mapped there")
        text = bytes(byte or 0 for byte in data[:end]).decode("latin-1")
        rows.append(f"{_place(desk, look, at)}{shown(text)}")
        at += end + 1
    return tuple(rows)


def _instructions(desk: Desk, look: MemoryLook, start: int, count: int) -> Lines:
    """So many from an address on, without their source."""
    if look.space != "gva":
        raise CommandError("examine: i reads code as the CPU does: at a gva")
    lines = desk.drawn.listing.lines(started(desk), start, frozenset())
    code = [line for line in lines if line.kind == "asm" and line.address >= start][:count]
    if not code:
        raise CommandError(f"examine: no code can be read at {start:#x}")
    return tuple(
        f"{_place(desk, look, line.address)}{line.text}  {line.note}".rstrip() for line in code
    )


EXAMINE: Final = Command(
    "examine",
    "Show memory as values: `examine WHERE [COUNT] [FORM]`; FORM is a size (b h w g) and one "
    "of x d u o t a c s i z, as in gdb's `x/8gx`.",
    _examine,
    (
        text("where"),
        some_times("count", COUNT),
        some_text("form", "gx", "wx", "ga", "bs", "bi"),
    ),
    read=_read,
    write=_write,
    looks=True,
    phrase="Examine",
)
