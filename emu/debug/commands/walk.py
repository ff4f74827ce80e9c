"""`walk`, `tables`, `npt`: how addresses are translated."""

from typing import Final

from emu.debug.command import Command, Values, some_text, text
from emu.debug.desk import Desk, Lines, focused
from emu.errors import CommandError
from emu.hw.nested_walk import AccessKind
from emu.picture import nested, sections, tables, walk

_ACCESSES: Final = ("read", "write", "execute")


def _read(words: list[str]) -> Values:
    """`WHERE [read|write|execute]`."""
    access = words[-1] if words and words[-1] in _ACCESSES else ""
    where = " ".join(words[:-1] if access else words)
    if not where:
        raise CommandError("walk: needs where")
    return where, access or "read"


def _walk(desk: Desk, where: str, access: AccessKind) -> Lines:
    wanted = sections.WalkLook(where, access)
    found = walk.lines(walk.walk_view(desk.machine, focused(desk), wanted))
    desk.looks.walk = wanted
    return found


def _tables(desk: Desk, text: str) -> Lines:
    wanted = tables.look_of(tuple(text.split()))
    found = tables.lines(tables.tables_view(desk.machine, focused(desk), wanted))
    desk.looks.tables = wanted
    return found


def _npt(desk: Desk, where: str) -> Lines:
    wanted = sections.NestedLook(where)
    found = nested.lines(nested.nested_view(desk.machine, desk.timeline, wanted))
    desk.looks.nested = wanted
    return found


WALK: Final = Command(
    "walk",
    "Show the two-dimensional walk of an address: `walk WHERE [read|write|execute]`.",
    _walk,
    (text("where"), some_text("access", *_ACCESSES, default="read")),
    read=_read,
    phrase="Walk",
    looks=True,
)
TABLES: Final = Command(
    "tables",
    "Show page tables: `tables [FILTER]`, `tables tree [ADDRESS]`, `tables diff CPU`.",
    _tables,
    (some_text("text", "tree", "diff", rest=True),),
    looks=True,
)
NPT: Final = Command(
    "npt",
    "Show the nested table: all of it, one GPA's page, or `private`, `absent`, `rw`, ...",
    _npt,
    (some_text("where", rest=True),),
    looks=True,
)
