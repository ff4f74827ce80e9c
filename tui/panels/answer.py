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


HELP = """\
The answer of the last command that looks at something. Press : and type

  mem gva:ADDRESS COUNT   memory of the selected CPU; also gpa: and hpa:
  walk ADDRESS            the two-dimensional walk, level by level
  npt GPA                 the nested walk of a guest-physical address
  waits                   what every waiting CPU waits for, and who wrote it last
  help                    every command"""

PANEL = Panel("answer", "Answer", render, HELP, follows=True)
