"""What the guest printed on its serial port."""

from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Window, joined, span_words, top_of
from tui.panels.empty import teaching
from tui.text import clean, line

_TEACHES = (
    "What the shim and the kernel print on COM1 comes here, line by line. `c` runs the boot; "
    "`:until print` goes to the first line."
)
LINES_MAX = 2_000
"""How far back the panel reads: more than anybody scrolls, and bounded."""


def rows(serial: str, width: int) -> list[str]:
    """The newest lines, long ones wrapped; control characters cannot move anything."""
    tail = serial.replace("\r", "").rsplit("\n", LINES_MAX)[-LINES_MAX:]
    if tail and not tail[-1]:
        tail.pop()
    found: list[str] = []
    for text in map(clean, tail):
        found += [text[at : at + width] for at in range(0, max(len(text), 1), max(width, 1))]
    return found


def render(view: MachineView, window: Window) -> Page:
    """The end of the output, or what was scrolled to."""
    if not view.serial:
        return teaching("The guest has printed nothing yet.", _TEACHES, window)
    every = rows(view.serial, window.width)
    top = len(every) - window.height if window.top is None else window.top
    top = top_of(Window(window.width, window.height, top), window.height, len(every))
    return Page(
        lines=tuple(line(text) for text in every[top : top + window.height]),
        detail=joined(f"{len(every):,} lines", span_words(top, window.height, len(every))),
        top=top, rows=window.height, total=len(every),
    )  # fmt: skip


PANEL = Panel("serial", "Serial", render)
