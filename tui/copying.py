"""What is copied out of panels: to the terminal's clipboard (OSC 52), or to a file as text."""

import os
from typing import Final

from emu.errors import CommandError
from emu.given.files import new_file
from emu.given.nearest import did_you_mean
from emu.given.plain import plain as spelled
from emu.given.plain import shown
from emu.picture.view import MachineView
from tui.desk import Desk
from tui.frame import Frame
from tui.panels import BY_ID, PANELS
from tui.panels.base import Panel, Window
from tui.text import Line, plain

WIDTH_MIN: Final = 240
"""Cells of a line that is copied: more than a window has, so that values are whole."""
WINDOW_ROWS: Final = 60
ROWS_MAX: Final = 50_000
"""Of one panel: a log may have millions."""
CLIPBOARD_BYTES_MAX: Final = 74_994
"""What terminals take by OSC 52: 100,000 bytes in base64 (the limit of xterm's manual)."""


def panel_of(name: str) -> Panel:
    """A panel by its id or title; raises CommandError with the nearest one."""
    known = {one.id: one for one in PANELS}
    known |= {word.lower(): one for one in PANELS for word in (one.title, one.tab)}
    found = known.get(name.lower())
    if found is None:
        near = did_you_mean(name, known) or f": they are {', '.join(BY_ID)}"
        raise CommandError(f"{shown(name)} is no panel{near}")
    return found


def whole(panel: Panel, view: MachineView, width: int) -> list[str]:
    """All rows of a panel as text, not only those in sight."""
    wide = max(width, WIDTH_MIN)
    page = panel.render(view, Window(wide, WINDOW_ROWS, 0))
    if page.total > page.rows:
        height = min(page.total + WINDOW_ROWS - page.rows, ROWS_MAX)
        page = panel.render(view, Window(wide, height, 0))
    return _texts(page.lines)


def _texts(lines: tuple[Line, ...]) -> list[str]:
    """The rows without what only fills them."""
    rows = [spelled(plain(row)).rstrip() for row in lines]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _row(frame: Frame, view: MachineView, key: str) -> str:
    """What a spot covers, in a page like the one in sight that is wide enough for it."""
    wide, height = max(frame.size.width, WIDTH_MIN), max(frame.size.height - 1, 1)
    tries = (
        frame.panel.render(view, Window(wide, height, top, frame.page.anchor, key))
        for top in (frame.page.top, None)
    )
    for page in (*tries, frame.page):
        spot = next((one for one in page.spots if one.key == key), None)
        if spot is not None:
            return spelled(plain(page.lines[spot.row]))[spot.start : spot.end].strip()
    return ""


class Copying:
    """Takes text from the panel in focus, or from any."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _frame(self) -> Frame:
        return self._desk.frames.current

    def row(self) -> None:
        """Copy what the cursor is on; without one, what the panel shows."""
        frame = self._frame
        key = frame.spot.key if frame.spot is not None else ""
        if frame.panel.selects_cpu:
            wanted = f"cpu {self._desk.seen.focus}"
            key = next((spot.key for spot in frame.page.spots if spot.go == wanted), "")
        if key:
            self._copy([_row(frame, self._desk.seen, key)], frame.panel)
        else:
            self._copy(_texts(frame.page.lines), frame.panel)

    def panel(self) -> None:
        """Copy all of the panel in focus."""
        self._copy(self._whole(self._frame.panel), self._frame.panel)

    def copy(self, words: str) -> None:
        """`copy [PANEL]`; raises CommandError for a panel that there is not."""
        panel = panel_of(words) if words else self._frame.panel
        self._copy(self._whole(panel), panel)

    def write(self, words: str) -> None:
        """`write FILE`; raises CommandError where one is there already."""
        if os.path.lexists(words):
            raise CommandError("write: a file of that name is there: write! replaces it")
        self.replace(words)

    def replace(self, words: str) -> None:
        """`write! FILE`."""
        if not words:
            raise CommandError("write: needs the name of a file")
        panel = self._frame.panel
        rows = self._whole(panel)
        with new_file(words, CommandError) as file:
            file.write("".join(f"{row}\n" for row in rows).encode("utf-8", "replace"))
        self._desk.say(f"{words}: {_count(rows)} of {panel.title}")

    def _whole(self, panel: Panel) -> list[str]:
        """All of a panel, whether it is in sight or not."""
        looks, before = self._desk.session.looks, self._desk.session.looks.wanted
        looks.wanted = before if panel.needs is None else before | {panel.needs}
        try:
            return whole(panel, self._desk.session.picture(), self._frame.size.width)
        finally:
            looks.wanted = before

    def _copy(self, rows: list[str], panel: Panel) -> None:
        text = "\n".join(rows)
        if not text:
            self._desk.say(f"{panel.title} shows nothing to copy", "dim")
        elif len(text.encode()) > CLIPBOARD_BYTES_MAX:
            words = "are more than a terminal's clipboard takes: :write FILE"
            self._desk.say(f"! {_count(rows)} of {panel.title} {words}", "bad")
        else:
            self._desk.app.copy_to_clipboard(text)
            self._desk.say(f"copied {_count(rows)} of {panel.title}")


def _count(rows: list[str]) -> str:
    return "1 line" if len(rows) == 1 else f"{len(rows):,} lines"
