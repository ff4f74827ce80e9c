"""What is copied out of panels: to the terminal's clipboard (OSC 52), or to a file as text."""

from typing import Final

from emu.given.plain import plain as spelled
from emu.picture.view import MachineView
from tui.desk import Desk
from tui.frame import Frame
from tui.panel_text import WIDTH_MIN, count, panel_of, rows_of, texts, write_rows
from tui.panels.base import Panel, Window
from tui.text import plain

CLIPBOARD_BYTES_MAX: Final = 74_994
"""What terminals take by OSC 52: 100,000 bytes in base64 (the limit of xterm's manual)."""


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
            self._copy(texts(frame.page.lines), frame.panel)

    def panel(self) -> None:
        """Copy all of the panel in focus."""
        self._copy(self._whole(self._frame.panel), self._frame.panel)

    def copy(self, words: str) -> None:
        """`copy [PANEL]`; raises CommandError for a panel that there is not."""
        panel = panel_of(words) if words else self._frame.panel
        self._copy(self._whole(panel), panel)

    def write(self, words: str) -> None:
        """`write FILE`; raises CommandError where one is there already."""
        self._write(words, replace=False)

    def replace(self, words: str) -> None:
        """`write! FILE`."""
        self._write(words, replace=True)

    def _write(self, words: str, *, replace: bool) -> None:
        panel = self._frame.panel
        self._desk.say(write_rows(words, self._whole(panel), panel, replace=replace))

    def _whole(self, panel: Panel) -> list[str]:
        """All of a panel, whether it is in sight or not."""
        return rows_of(self._desk.session, panel, self._frame.size.width)

    def _copy(self, rows: list[str], panel: Panel) -> None:
        text = "\n".join(rows)
        if not text:
            self._desk.say(f"{panel.title} shows nothing to copy", "dim")
        elif len(text.encode()) > CLIPBOARD_BYTES_MAX:
            words = "are more than a terminal's clipboard takes: :write FILE"
            self._desk.say(f"! {count(rows)} of {panel.title} {words}", "bad")
        else:
            self._desk.app.copy_to_clipboard(text)
            self._desk.say(f"copied {count(rows)} of {panel.title}")
