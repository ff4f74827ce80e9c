"""Rules of the protocol that were broken, and what the rule in question means."""

from typing import Final

from msgspec import Struct

from emu.given.number import is_digits
from emu.picture.view import FindingView, MachineView
from tui.panels.base import (
    Page,
    Panel,
    Spot,
    Window,
    joined,
    moment,
    span_words,
    top_of,
)
from tui.panels.empty import teaching
from tui.text import Line, Role, file_name, line, pad, paragraph, right

LETTERS: Final[dict[str, tuple[str, Role]]] = {
    "error": ("E", "bad"), "warning": ("w", "warn"), "hint": ("h", "dim"),
}  # fmt: skip
"""Severity -> its letter and its colour."""
LABEL_CELLS: Final = 9
WHENCE_FROM_CELLS: Final = 100
EXPLAINED_ROWS: Final = 6
"""A window needs so many rows more than the list's two before a rule is explained in it."""
_TEACHES = (
    "`.` then goes from one finding to the next, `Enter` to its moment. `:rules` lists what is "
    "checked; `c` runs the boot, `i` breaks something on purpose."
)
_OFF = "The rules are switched off for this session."


class _Told(Struct, frozen=True):
    """A finding, and what stands before its rule: a consequence is moved in."""

    finding: FindingView
    before: str

    @property
    def rule(self) -> str:
        """The rule as it is written in the list."""
        return self.before + self.finding.rule


def _told(rows: tuple[FindingView, ...]) -> tuple[_Told, ...]:
    """Every finding with its consequences right below it."""
    return tuple(
        told
        for one in rows
        for told in (_Told(one, ""), *(_Told(below, "so ") for below in one.consequences))
    )


def _who(one: FindingView) -> str:
    return one.who or ("host" if one.cpu is None else f"cpu {one.cpu}")


def place(one: FindingView) -> str:
    """`mailbox_loop.inc:62`, or the symbol where no source is known."""
    name, _, source = one.where.partition(" at ")
    return file_name(source) or name


def _row(told: _Told, cells: tuple[int, int, int, int], here: bool) -> Line:
    tick, cpu, rule, text = cells
    one = told.finding
    letter, role = LETTERS[one.severity]
    return line(
        (letter + " ", role), (right(f"{one.tick:,}", tick) + "  ", "dim"),
        (pad(_who(one), cpu) + "  ", "number"),
        (pad(told.rule, rule) + "  ", "here" if here else role),
        (pad(one.text, text) + "  " if text else one.text, "plain"),
        (place(one) if text else "", "name"),
    )  # fmt: skip


def _cells(told: tuple[_Told, ...], width: int) -> tuple[int, int, int, int]:
    """The widths of the columns: tick, cpu, rule, and what was seen; that is 0 where the place
    does not fit behind it."""
    rows = [one.finding for one in told]
    tick = max(max(len(f"{one.tick:,}") for one in rows), 9)
    cpu, rule = max(len(_who(one)) for one in rows), max(len(one.rule) for one in told)
    text = max(len(one.text) for one in rows)
    left = width - tick - cpu - rule - text - 10
    return tick, cpu, rule, text if left >= max(len(place(one)) for one in rows) else 0


def _part(label: str, text: str, role: Role, width: int) -> list[Line]:
    """A labelled paragraph, its rows below each other."""
    rows = paragraph(text, max(width - LABEL_CELLS - 2, 8))
    return [
        line(("  " + pad("" if index else label, LABEL_CELLS), "dim"), (row, role))
        for index, row in enumerate(rows)
    ]


def explained(one: FindingView, width: int) -> list[Line]:
    """What was seen and what the rule says of it."""
    seen = f"{_who(one)}: {one.text}" + (f", {one.where}" if one.where else "")
    return [
        *_part("seen", seen, "plain", width),
        *_part("rule", f"{one.says} ({one.source})", "strong", width),
        *_part("follows", one.follows, "plain", width),
        *_part("look at", one.look_at, "name", width),
    ]


def _dialect(view: MachineView, window: Window) -> str:
    """`dialect acpi (as it looks)`, the name alone where there is little room."""
    head = view.findings.dialect.partition(":")[0]
    return head if window.width >= WHENCE_FROM_CELLS else head.partition(" (")[0]


def _nothing(view: MachineView, window: Window) -> Page:
    found = view.findings
    if not found.rules:
        return teaching(_OFF, _TEACHES, window)
    head, _, words = found.dialect.partition(": ")
    rows = [line((row, "good")) for row in paragraph(
        f"{found.rules} rules of the wake-up protocol are checked, and none is broken up to "
        f"tick {view.tick:,}.", max(window.width, 8),
    )]  # fmt: skip
    text = f"The mailbox speaks the {head}: {words}. What is broken comes here."
    rows += teaching(text, _TEACHES, window).lines
    return Page(tuple(rows[: window.height]), _dialect(view, window))


def render(view: MachineView, window: Window) -> Page:
    """One row for each finding, and below the list what the rule of one of them means: that
    of the cursor, or else of the first finding, which is often the cause of the others."""
    rows = _told(view.findings.rows)
    if not rows:
        return _nothing(view, window)
    chosen = int(window.cursor) if is_digits(window.cursor) else 0
    chosen = min(chosen, len(rows) - 1)
    below = explained(rows[chosen].finding, window.width)
    height = window.height
    if window.height >= EXPLAINED_ROWS + 2:
        height = max(window.height - len(below), min(len(rows), window.height // 3))
    else:
        below = []
    height = min(height, len(rows))
    top = top_of(window, height, len(rows), chosen if window.cursor else None)
    shown = rows[top : top + height]
    cells = _cells(rows[top : top + height], window.width)
    head = _dialect(view, window)
    lines = (
        *(_row(one, cells, top + row == chosen and bool(below))
          for row, one in enumerate(shown)),
        *below[: window.height - height],
    )  # fmt: skip
    return Page(
        lines=lines, detail=joined(head, span_words(top, height, len(rows))),
        top=top, rows=height, total=len(rows), anchor=(top, 0),
        spots=tuple(
            Spot(row, f"{top + row}", moment(one.finding.tick, one.finding.cpu))
            for row, one in enumerate(shown)
        ),
    )  # fmt: skip


PANEL = Panel(
    "findings", "Findings", render, words=("findings",), short="Finds",
    count=lambda view: len(view.findings.rows), alarm="bad",
)  # fmt: skip
