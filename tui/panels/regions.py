"""Memory as one map: what lies where, and who says so."""

from typing import Final

from emu.picture.sections import RegionRow, size_words
from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Role, address_cells, clean, digits, line, pad, right

_TEACHES: Final = (
    "What lies where in memory comes here: what the loader placed, what the host's tree and "
    "the kernel's say, and the E820 table. `/` looks for words: `:regions RESERVED`."
)
_ROLES: Final[dict[str, Role]] = {
    "loader": "good", "host": "warn", "tree": "busy", "E820": "number",
}  # fmt: skip
_SIZE_CELLS: Final = 10
_SOURCE_CELLS: Final = 6


def _row(row: RegionRow, cells: int) -> Line:
    return line(
        (digits(row.gpa, cells), "name"),
        (f" {right(size_words(row.size), _SIZE_CELLS)}  ", "number"),
        (pad(row.source, _SOURCE_CELLS) + "  ", _ROLES[row.source]),
        ("  " * row.depth + clean(row.name), "plain"),
        (f"  {clean(row.more)}" if row.more else "", "dim"),
    )


def render(view: MachineView, window: Window) -> Page:
    """In the order of addresses, a range within another below it and further in."""
    found = view.sections.regions
    if found is None:
        return notice("", window)
    detail = joined(found.look.text, f"{len(found.rows):,} of {found.total:,} ranges")
    if not found.rows:
        words = f"No range is {found.look.text!r}." if found.total else "No range is known."
        return teaching(words, _TEACHES, window, detail)
    top = top_of(window, window.height, len(found.rows))
    shown = found.rows[top : top + window.height]
    cells = address_cells(max(row.gpa for row in found.rows))
    return Page(
        lines=tuple(_row(row, cells) for row in shown),
        detail=joined(detail, span_words(top, window.height, len(found.rows))),
        top=top, rows=window.height, total=len(found.rows), anchor=(top, 0),
        spots=tuple(
            Spot(at, f"{row.gpa:x} {row.size:x} {row.source} {row.name}",
                 f"mem gpa:{row.gpa:#x}", f"npt {row.gpa:#x}")
            for at, row in enumerate(shown)
        ),
    )  # fmt: skip


PANEL = Panel(
    "regions", "Regions", render, home="look", live=False, needs="regions",
    short="Map", words=("regions",), filter="regions ",
)  # fmt: skip
