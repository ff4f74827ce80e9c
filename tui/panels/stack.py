"""The stack of the selected CPU: its frames, and the words of each."""

from typing import Final

from emu.picture.sections import StackRow
from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Role, address, digits, line, pad

_TEACHES: Final = (
    "The frames of the functions that have not returned come here, with the words of each. "
    "`<` and `>` select another CPU, `:until os-entry` goes to where the OS begins, `:bt` "
    "lists the frames."
)
VALUE_CELLS: Final = 17
"""Two halves of eight digits and what is between them."""
WIDE_FROM_CELLS: Final = 60
"""In a narrower window small values have their eight digits alone."""
_ROLES: Final[dict[str, Role]] = {
    "return": "strong", "saved": "name", "word": "name", "more": "dim",
}  # fmt: skip


def _head(row: StackRow) -> Line:
    mark: Role = "warn" if row.guess else "strong"
    return line(
        (f"#{row.frame}", mark), ("?" if row.guess else " ", "warn"), " ", (row.words, mark)
    )


def _word(row: StackRow, wide: bool) -> Line:
    place = (f"  {digits(row.address)}  ", "dim")
    if row.value is None:
        return line(place, (row.words, "dim"))  # type: ignore[arg-type]
    text = address(row.value)
    value = (pad(text, VALUE_CELLS) if wide else text, "number" if row.value else "dim")
    return line(place, value, "  ", (row.words, _ROLES[row.what]))  # type: ignore[arg-type]


def _spot(row: StackRow) -> Spot:
    """Enter goes to a frame's code, or to what a word points at; `e` changes a word."""
    if row.what == "head":
        return Spot(0, f"#{row.frame}", f"list {row.address:#x}")
    key, edit = f"{row.address:x}", ""
    target = f"mem {row.address:#x}"
    if row.value is not None:
        edit = f"set {row.address:#x}={row.value:#x}"
        if row.points:
            target = f"{'list' if row.code else 'mem'} {row.value:#x}"
    return Spot(0, key, target, edit)


def render(view: MachineView, window: Window) -> Page:
    """From the stack pointer on, the frame that has not called anybody first."""
    stack = view.sections.stack
    if stack is None:
        return notice("", window)
    detail = f"cpu {stack.cpu}"
    if not stack.rows:
        return teaching(
            f"CPU {stack.cpu} has no stack yet: {stack.ending}.", _TEACHES, window, detail
        )
    lines = [
        _head(row) if row.what == "head" else _word(row, window.width >= WIDE_FROM_CELLS)
        for row in stack.rows
    ]
    total = len(lines) + 1
    top = top_of(window, window.height, total)
    shown = [*lines, line((stack.ending, "dim"))][top : top + window.height]
    spots = (_spot(row) for row in stack.rows[top : top + window.height])
    return Page(
        lines=tuple(shown),
        detail=joined(detail, f"{stack.frames} frames" if stack.frames > 1 else "1 frame",
                      span_words(top, window.height, total)),
        top=top, rows=window.height, total=total, anchor=(top, 0),
        spots=tuple(
            Spot(number, one.key, one.go, one.edit) for number, one in enumerate(spots)
        ),
    )  # fmt: skip


PANEL = Panel("stack", "Stack", render, home="look", live=False, needs="stack")
