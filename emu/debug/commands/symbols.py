"""`symbols`: what the images call their places."""

from fnmatch import fnmatchcase
from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError

ROWS_MAX: Final = 500


def _symbols(desk: Desk, text: str) -> Lines:
    """The images, or the symbols that have a text in their name, by address."""
    layout = desk.machine.board.layout
    if not text:
        return tuple(
            f"{item.name}: {item.start:#x} to {item.start + item.image.size - 1:#x}, "
            f"{len(item.image.symbols):,} symbols"
            for item in layout.placed
        )
    pattern = text.lower() if set(text) & set("*?[") else f"*{text.lower()}*"
    names = [one for one in layout.symbols.names() if fnmatchcase(one.lower(), pattern)]
    plain = [one for one in names if ":" not in one.replace("::", "")] or names
    rows = sorted((at, name) for name in plain for at in layout.symbols.find(name))
    if not rows:
        raise CommandError(f"symbols: no image has a symbol with {text!r} in its name")
    more = f"{len(rows) - ROWS_MAX:,} more" if len(rows) > ROWS_MAX else ""
    return (*(f"{at:#x}  {name}" for at, name in rows[:ROWS_MAX]), *filter(None, (more,)))


SYMBOLS: Final = Command(
    "symbols",
    "List the symbols with a text in their name (`symbols mailbox*`); without one, the images.",
    _symbols,
    (some_text("text", rest=True),),
    looks=True,
)
