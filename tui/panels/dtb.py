"""The device tree, live from guest memory, its values typed; and what the shim changed."""

from emu.picture.sections import DtbRow, DtbView
from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Role, Span, address, line

_TEACHES = (
    "The device tree comes here as guest memory holds it. `:dtb` shows the newest one, "
    "`:dtb host` what the shim was given, `:dtb diff` what the kernel was given instead; `/` "
    "looks for a name."
)
_MARKS: dict[str, Role] = {"+": "good", "-": "bad", "~": "warn"}


def _row(row: DtbRow, diff: bool) -> Line:
    mark: Span = (
        (f"{row.mark or ' '} ", _MARKS.get(row.mark, "plain")) if diff else ("", "plain")
    )
    indent = "" if diff else "  " * row.depth
    name = row.path if diff else row.name
    if row.is_node:
        return line(mark, (indent, "plain"), (name, "strong"))
    return line(mark, (indent, "plain"), (name, "name"), (" = ", "dim"), (row.value, "number"))


def _spot(at: int, row: DtbRow) -> Spot:
    """A `reg` leads to the memory that it names; any other row to its own bytes."""
    go = f"mem gpa:{row.targets[0]:#x}" if row.targets else f"mem gpa:{row.gpa:#x}"
    short = not row.is_node and 1 <= row.size <= 8
    return Spot(at, row.path + row.mark, go, f"set dtb:{row.path}=0x" if short else "")


def _head(found: DtbView) -> list[Line]:
    """What is wrong with the tree, if anything is."""
    rows = [line(("! broken: ", "bad"), (found.broken, "bad"))] if found.broken else []
    rows += [line(("! binding: ", "warn"), (check, "warn")) for check in found.checks]
    return rows


def render(view: MachineView, window: Window) -> Page:
    """What is wrong stays at the top; the tree scrolls below."""
    found = view.sections.dtb
    if found is None:
        return notice("", window)
    detail = joined(
        found.which, found.look.path, f"gpa {address(found.gpa)}" if found.gpa else ""
    )
    if found.problem:
        words = found.problem[0].upper() + found.problem[1:]
        return teaching(f"{words}.", _TEACHES, window, detail)
    head = _head(found)[: max(window.height - 1, 0)]
    if not found.rows:
        words = f"Nothing in the tree is called {found.look.path!r}."
        return teaching(words, _TEACHES, window, detail)
    height = window.height - len(head)
    top = top_of(window, height, len(found.rows))
    shown = found.rows[top : top + height]
    return Page(
        lines=(*head, *(_row(row, found.marked) for row in shown)),
        detail=joined(detail, "" if found.checks or found.broken or found.which != "kernel"
                      else "binding ok", span_words(top, height, len(found.rows))),
        top=top, rows=height, total=len(found.rows), anchor=(top, 0),
        spots=tuple(_spot(len(head) + at, row) for at, row in enumerate(shown)),
    )  # fmt: skip


PANEL = Panel(
    "dtb",
    "DTB",
    render,
    home="look",
    live=False,
    needs="dtb",
    words=("dtb",),
    filter="dtb ",
)
