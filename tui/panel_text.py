"""Panels as text, all of their rows: for the clipboard, for files, for sessions in lines."""

import os
from typing import Final

from emu.errors import CommandError
from emu.given.files import new_file
from emu.given.nearest import did_you_mean
from emu.given.plain import plain as spelled
from emu.given.plain import shown
from emu.picture.view import MachineView
from tui.door import Door
from tui.panels import BY_ID, PANELS
from tui.panels.base import Panel, Window
from tui.text import Line, plain

WIDTH_MIN: Final = 240
"""Cells of a line of text: more than a window has, so that values are whole."""
WINDOW_ROWS: Final = 60
ROWS_MAX: Final = 50_000
"""Of one panel: a log may have millions."""


def panel_of(name: str) -> Panel:
    """A panel by its id or title; raises CommandError with the nearest one."""
    known = {one.id: one for one in PANELS}
    known |= {word.lower(): one for one in PANELS for word in (one.title, one.tab)}
    found = known.get(name.lower())
    if found is None:
        near = did_you_mean(name, known) or f": they are {', '.join(BY_ID)}"
        raise CommandError(f"{shown(name)} is no panel{near}")
    return found


def rows_of(session: Door, panel: Panel, width: int = 0) -> list[str]:
    """All rows of a panel of a session, whether it is in sight or not."""
    looks, before = session.looks, session.looks.wanted
    looks.wanted = before if panel.needs is None else before | {panel.needs}
    try:
        return whole(panel, session.picture(), width)
    finally:
        looks.wanted = before


def whole(panel: Panel, view: MachineView, width: int) -> list[str]:
    """All rows of a panel as text, not only those in sight."""
    wide = max(width, WIDTH_MIN)
    page = panel.render(view, Window(wide, WINDOW_ROWS, 0))
    if page.total > page.rows:
        height = min(page.total + WINDOW_ROWS - page.rows, ROWS_MAX)
        page = panel.render(view, Window(wide, height, 0))
    return texts(page.lines)


def texts(lines: tuple[Line, ...]) -> list[str]:
    """The rows without what only fills them."""
    rows = [spelled(plain(row)).rstrip() for row in lines]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def write_rows(words: str, rows: list[str], panel: Panel, *, replace: bool) -> str:
    """Write them to a file; how many there are, in words. Raises CommandError for a file that
    is there already, unless it is to be replaced."""
    if not words:
        raise CommandError("write: needs the name of a file")
    if not replace and os.path.lexists(words):
        raise CommandError("write: a file of that name is there: write! replaces it")
    with new_file(words, CommandError) as file:
        file.write("".join(f"{row}\n" for row in rows).encode("utf-8", "replace"))
    return f"{words}: {count(rows)} of {panel.title}"


def count(rows: list[str]) -> str:
    """How many rows, in words."""
    return "1 line" if len(rows) == 1 else f"{len(rows):,} lines"
