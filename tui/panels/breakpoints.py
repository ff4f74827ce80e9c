"""The places that stop the machine."""

from emu.given.number import is_digits
from emu.picture.view import BreakpointView, MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, address, line, pad, right

_WHY = "No breakpoint is set."
_TEACHES = (
    "Each place that stops the machine has a row here, with how often it was hit. `b` asks for "
    "a symbol, file:line or address, `F2` sets one where the cursor is; `:watch PLACE` stops "
    "when bytes change, `:catch exit` and its kin when something leaves the guest."
)


def _row(point: BreakpointView, where_cells: int) -> Line:
    who = "any cpu" if point.cpu is None else f"cpu {point.cpu}"
    place = address(point.address) if point.address else "-"
    return line(
        ("b ", "bad"),
        (right(str(point.number), 3) + "  ", "strong"),
        (pad(point.where, where_cells) + "  ", "name"),
        (pad(place, 17) + "  ", "number" if point.address else "dim"),
        (pad(who, 8) + "  ", "plain"),
        (f"{point.hits:,} {'hit' if point.hits == 1 else 'hits'}", "plain"),
        (f"  {point.rule}" if point.rule else "", "warn"),
    )


def _noted(text: str) -> str:
    """To the moment of a note `tick 7  cpu 1: break 2 at ...`, and to its CPU."""
    _, tick, *rest = text.split(maxsplit=4)
    cpu = rest[1].rstrip(":") if rest[:1] == ["cpu"] else ""
    return f"goto {tick} cpu {cpu}" if is_digits(cpu) else f"goto {tick}"


def _rows(points: tuple[BreakpointView, ...], where: int) -> list[tuple[Line, Spot]]:
    """Each breakpoint, and below it what it has noted."""
    found = []
    for point in points:
        go = f"list {point.address:#x}" if point.address else ""
        spot = Spot(0, f"b{point.number}", go, f"delete {point.number}")
        found.append((_row(point, where), spot))
        for index, text in enumerate(point.log):
            spot = Spot(0, f"b{point.number}.{index}", _noted(text))
            found.append((line(("       ", "plain"), (text, "dim")), spot))
    return found


def render(view: MachineView, window: Window) -> Page:
    """One row for each breakpoint, as people named it."""
    points = view.breakpoints
    if not points:
        return teaching(_WHY, _TEACHES, window)
    where = max(min(max(len(point.where) for point in points), window.width - 46), 8)
    every = _rows(points, where)
    top = top_of(window, window.height, len(every))
    shown = every[top : top + window.height]
    return Page(
        lines=tuple(styled for styled, _ in shown),
        detail=joined(f"{len(points)} set", span_words(top, window.height, len(every))),
        top=top, rows=window.height, total=len(every), anchor=(top, 0),
        spots=tuple(Spot(row, s.key, s.go, s.edit) for row, (_, s) in enumerate(shown)),
    )  # fmt: skip


PANEL = Panel(
    "breakpoints", "Breakpoints", render, short="Breaks", words=("breakpoints",),
    count=lambda view: len(view.breakpoints),
)  # fmt: skip
