"""What the last command had to say: hexdumps, walks, lists."""

from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Window, notice, span_words, top_of
from tui.text import line

_NOTHING = "Commands such as mem, walk, npt, waits and help answer here. Press : and type one."


def render(view: MachineView, window: Window) -> Page:
    """The answer of the last command that looked at something."""
    if not view.reply:
        return notice(_NOTHING, window)
    top = top_of(window, window.height, len(view.reply))
    return Page(
        lines=tuple(line(text) for text in view.reply[top : top + window.height]),
        detail=span_words(top, window.height, len(view.reply)),
        top=top, rows=window.height, total=len(view.reply), anchor=(top, 0),
    )  # fmt: skip


PANEL = Panel("answer", "Answer", render, follows=True)
