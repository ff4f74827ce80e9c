"""`mem`, `find`: bytes of one of the three spaces."""

from typing import Final

from msgspec.structs import replace

from emu.debug.command import Command, Values, some_count, some_text, text
from emu.debug.desk import Desk, Lines, focused, started
from emu.errors import CommandError
from emu.given.number import begins_a_number, number
from emu.picture import memory


def _read_mem(words: list[str]) -> Values:
    """`WHERE [COUNT] [as KIND]`; WHERE may be several words where none is a count."""
    if not words:
        raise CommandError("mem: needs where")
    overlay = ""
    if len(words) >= 3 and words[-2] == "as":
        words, overlay = words[:-2], words[-1]
    count = 64
    if len(words) > 1 and begins_a_number(words[-1]) and words[-2][-1:].isalnum():
        words, count = words[:-1], number(words[-1], "mem count")
    if words[-1] == "as":
        raise CommandError("mem: as needs what to see there")
    return " ".join(words), count, overlay


def _write_mem(where: str, count: int, kind: str) -> str:
    words = f"{where} {count}" if where[-1].isalnum() else where
    return f"{words} as {kind}" if kind else words


def _mem(desk: Desk, where: str, count: int, kind: str) -> Lines:
    """A hexdump of one of the three spaces, or the fields of a structure there."""
    look = memory.look_of(where, kind)
    cpu = started(desk) if look.space == "gva" else focused(desk)
    view = memory.memory_view(desk.machine, cpu, look, {})
    found = memory.lines(view, min(count, memory.BYTES_MAX))
    desk.looks.memory = look
    return found


def _read_find(words: list[str]) -> Values:
    """`WHERE WHAT`; WHAT is the rest of the line."""
    if len(words) < 2:
        raise CommandError('find: takes [gpa:]WHERE "text", 0xNUMBER or hex bytes')
    return words[0], " ".join(words[1:])


def _find(desk: Desk, where: str, what: str) -> Lines:
    """The first place with these bytes; the memory that is looked at is there then."""
    machine, cpu = desk.machine, focused(desk)
    look = memory.look_of(where, "")
    wanted = memory.pattern(what)
    place = memory.find(machine, cpu, look, wanted)
    if place is None:
        return (f"{what} is nowhere from {where} on",)
    desk.looks.memory = replace(look, where=f"{place:#x}")
    name = machine.board.layout.symbols.name(place) if look.space != "hpa" else ""
    return (f"{what} is at {look.space}:{place:#x} {name}".rstrip(),)


MEM: Final = Command(
    "mem",
    "Show memory: `mem [gva:|gpa:|hpa:]WHERE [COUNT] [as STRUCT|mailbox|table|vmcb]`.",
    _mem,
    (text("where"), some_count("count", 64), some_text("kind", "as", *memory.KINDS)),
    read=_read_mem,
    write=_write_mem,
    phrase="Show memory at",
    looks=True,
)
FIND: Final = Command(
    "find",
    'Search memory from a place on: `find [gpa:]WHERE "text"`, or 0xNUMBER or hex bytes.',
    _find,
    (text("where"), text("what", rest=True)),
    read=_read_find,
    looks=True,
)
