"""What the selected CPU's page tables map: ranges, a tree, or the difference to another CPU."""

from emu.picture.filters import told_of
from emu.picture.sections import TableRow, TablesView, size_words
from emu.picture.view import MachineView
from emu.words.spans import spans
from tui.panels.base import Page, Panel, Spot, Window, joined, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Role, address, digits, line, pad, right

_TEACHES = (
    "What the selected CPU's page tables map comes here, as ranges or as a tree. `<` and `>` "
    "select another CPU, `:until parked` goes to where paging is on, `:tables diff 1` shows "
    "what another CPU maps."
)
SIZE_CELLS = 9
ADDRESS_CELLS = 17
SYMBOL_FROM_CELLS = 64
_MARKS: dict[str, Role] = {"+": "good", "-": "bad"}


def _range(row: TableRow, width: int) -> Line:
    same = row.gva == row.target
    target = "same" if same else address(row.target)
    both = {"w", "x"} <= set(row.words.split()[0])
    return line(
        (f"{row.mark} " if row.mark else "  ", _MARKS.get(row.mark, "plain")),
        (digits(row.gva, ADDRESS_CELLS), "name"),
        (f" {right(size_words(row.size), SIZE_CELLS)}  ", "number"),
        (pad(row.words, 4) + "  ", "warn" if both else "plain"),
        ("→ ", "dim"), (pad(target, ADDRESS_CELLS) + " ", "dim" if same else "number"),
        (f" {row.symbol}" if width >= SYMBOL_FROM_CELLS else "", "name"),
    )  # fmt: skip


def _entry(row: TableRow, width: int) -> Line:
    mark = " " if row.leaf else "-" if row.open else "+"
    return line(
        ("  " * row.depth, "plain"), (f"{mark} ", "here" if row.open else "busy"),
        (row.name + " ", "strong"), (address(row.gva) + " ", "name"),
        (size_words(row.size) + " ", "number"), ("→ ", "dim"),
        (address(row.target) + "  ", "number"), (row.words, "plain"),
        (f"  {row.symbol}" if width >= SYMBOL_FROM_CELLS else "", "name"),
    )  # fmt: skip


def _spot(row: int, one: TableRow) -> Spot:
    key = f"{one.depth}:{one.gva:x}{one.mark}"
    edit = f"set gpa:{one.entry_gpa:#x}/8={one.value:#x}" if one.entry_gpa else ""
    if one.name and not one.leaf:
        level = one.name.partition("[")[0]
        above = {"L4": "root", "L3": "L4", "L2": "L3"}[level]
        return Spot(row, key, f"tables tree {one.gva:#x} {above if one.open else level}", edit)
    return Spot(row, key, f"walk {one.gva:#x}", edit)


def _detail(found: TablesView) -> str:
    other = f"against cpu {found.look.other}" if found.look.mode == "diff" else ""
    users = f"cpus {spans(found.users)}" if len(found.users) > 1 else ""
    return joined(f"cpu {found.cpu}", found.look.mode, other, _left(found), users)


def _left(found: TablesView) -> str:
    """What the filter leaves and hides; of a tree it is the address whose path is open."""
    words = found.look.filter
    if not words or found.look.mode == "tree":
        return words
    return told_of(len(found.rows), found.total, "range", words)


def render(view: MachineView, window: Window) -> Page:
    """The rows that fit."""
    found = view.sections.tables
    if found is None:
        return notice("", window)
    detail = _detail(found)
    if found.problem:
        return teaching(f"{found.problem}.", _TEACHES, window, detail)
    if not found.rows:
        words = (
            f"cpu {found.cpu} and cpu {found.look.other} map the same."
            if found.look.mode == "diff"
            else f"None of {found.total} ranges is {found.look.filter!r}. / looks for others."
        )
        return teaching(words, _TEACHES, window, detail)
    top = top_of(window, window.height, len(found.rows))
    shown = found.rows[top : top + window.height]
    draw = _entry if found.look.mode == "tree" else _range
    return Page(
        lines=tuple(draw(row, window.width) for row in shown),
        detail=joined(detail, span_words(top, window.height, len(found.rows))),
        top=top, rows=window.height, total=len(found.rows), anchor=(top, 0),
        spots=tuple(_spot(row, one) for row, one in enumerate(shown)),
    )  # fmt: skip


PANEL = Panel(
    "tables", "Tables", render, home="look", live=False, needs="tables",
    words=("tables",), filter="tables ",
)  # fmt: skip
