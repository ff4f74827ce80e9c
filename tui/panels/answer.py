"""What the last command had to say: hexdumps, walks, lists."""

from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Window, span_words, top_of
from tui.panels.empty import teaching
from tui.text import folded, line

_WHY = "No command has been answered at length yet."
_TEACHES = (
    "Answers of more than a line stand here, and have the keys: `PgDn` turns the page, "
    "`Backspace` goes back. Try `:help` for all commands, `:help parked` for a word, `:bt`, "
    "`:registers`, `:rules`; `:notices` shows again what the message line has said."
)


def render(view: MachineView, window: Window) -> Page:
    """The answer of the last command that looked at something."""
    if not view.reply:
        return teaching(_WHY, _TEACHES, window)
    rows = [row for text in view.reply for row in folded(text, window.width)]
    top = top_of(window, window.height, len(rows))
    return Page(
        lines=tuple(map(line, rows[top : top + window.height])),
        detail=span_words(top, window.height, len(rows)),
        top=top, rows=window.height, total=len(rows), anchor=(top, 0),
    )  # fmt: skip


PANEL = Panel("answer", "Answer", render, follows=True)
