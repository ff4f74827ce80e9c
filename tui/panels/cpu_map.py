"""The CPUs as a map: a cell for each, its glyph the state: a thousand are seen at once."""

from collections.abc import Sequence
from typing import Final

from emu.picture.view import CpuView, MachineView
from tui.panels.base import Page, Spot, Window, joined, span_words, top_of
from tui.panels.states import counted, looks
from tui.text import Line, Span, line, right

BLOCK: Final = 16
"""Cells between two gaps."""
HERE: Final = "@"
"""The selected CPU, whatever its state: colour is not needed to find it."""
LEGEND_FROM_ROWS: Final = 3


def page(view: MachineView, cpus: Sequence[CpuView], told: str, window: Window) -> Page:
    """Some CPUs in their order, as many in a row as powers of two fit."""
    label = len(str(max(cpu.id for cpu in cpus))) + 1
    cells = _cells(window.width - label)
    legend = (_legend(view, cpus),) if window.height >= LEGEND_FROM_ROWS else ()
    rows, total = max(window.height - len(legend), 0), -(-len(cpus) // cells)
    at = next((i // cells for i, cpu in enumerate(cpus) if cpu.id == view.focus), None)
    top = top_of(window, rows, total, at)
    shown = [
        cpus[row * cells : (row + 1) * cells] for row in range(top, min(top + rows, total))
    ]
    return Page(
        lines=(*legend, *(_row(some, label, view.focus) for some in shown)),
        detail=joined(told, f"{len(cpus):,} cpus", span_words(top, rows, total)),
        top=top, rows=rows, total=total, anchor=(top, 0),
        spots=tuple(
            Spot(row, f"c{cpu.id}", f"cpu {cpu.id}", start=start, end=start + 1)
            for row, some in enumerate(shown, len(legend))
            for place, cpu in enumerate(some)
            for start in (_column(label, place),)
        ),
    )  # fmt: skip


def _cells(width: int) -> int:
    """How many cells a row has: a power of two, so that columns are numbers one can add."""
    cells = 8
    while _column(0, 2 * cells - 1) < width:
        cells *= 2
    return cells


def _column(label: int, place: int) -> int:
    return label + 1 + place + place // BLOCK


def _row(some: Sequence[CpuView], label: int, focus: int) -> Line:
    """The number of the first, and a glyph for each."""
    cells: list[Span] = [(right(str(some[0].id), label) + " ", "dim")]
    for place, cpu in enumerate(some):
        if place and place % BLOCK == 0:
            cells.append((" ", "plain"))
        state = looks(cpu)
        here = cpu.id == focus
        cells.append((HERE, "strong") if here else (state.glyph, state.role))
    return line(*cells)


def _legend(view: MachineView, cpus: Sequence[CpuView]) -> Line:
    """What the glyphs mean, and how many there are of each."""
    focus = looks(view.cpus[view.focus])
    words: list[Span] = [(f" {HERE} ", "strong"), (f"cpu {view.focus} {focus.word}", "plain")]
    for state, count in counted(cpus):
        words += [(f"  {state.glyph}", state.role), (f" {count:,} {state.word}", "plain")]
    return line(*words)
