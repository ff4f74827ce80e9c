"""The places that stop the machine."""

from emu.debug.view import BreakpointView, MachineView
from tui.panels.base import Page, Panel, Window, joined, notice, span_words, top_of
from tui.text import Line, address, line, pad, right

_NOTHING = "No breakpoint is set. Press b and name a symbol, file:line or address."


def _row(point: BreakpointView, where_cells: int) -> Line:
    who = "any cpu" if point.cpu is None else f"cpu {point.cpu}"
    return line(
        ("b ", "bad"),
        (right(str(point.number), 3) + "  ", "strong"),
        (pad(point.where, where_cells) + "  ", "name"),
        (pad(address(point.address), 17) + "  ", "number"),
        (pad(who, 8) + "  ", "plain"),
        (f"{point.hits:,} {'hit' if point.hits == 1 else 'hits'}", "plain"),
    )


def render(view: MachineView, window: Window) -> Page:
    """One row for each breakpoint, as people named it."""
    points = view.breakpoints
    if not points:
        return notice(_NOTHING, window)
    top = top_of(window, window.height, len(points))
    where = max(min(max(len(point.where) for point in points), window.width - 46), 8)
    return Page(
        lines=tuple(_row(p, where) for p in points[top : top + window.height]),
        detail=joined(f"{len(points)} set", span_words(top, window.height, len(points))),
        top=top, rows=window.height, total=len(points), anchor=(top, 0),
    )  # fmt: skip


HELP = """\
Each breakpoint has a number, the place as it was named, its address, the CPU that it stops
(or any) and how often it did.

  break WHERE         stop every CPU that gets there
  break WHERE cpu 2   stop only CPU 2
  delete NUMBER       remove it

WHERE is a symbol, symbol+offset, file:line or an address. Breakpoints leave no trace in the
guest's memory, and they stay after a reset."""

PANEL = Panel("breakpoints", "Breakpoints", render, HELP)
