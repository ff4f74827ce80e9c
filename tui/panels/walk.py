"""The two-dimensional walk of one address: all of its accesses, and where and why it stops."""

from emu.picture.sections import NestedLevel, NestedWalk, PageWalk, WalkView
from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Role, address, digits, line

_TEACHES = (
    "The walk of an address comes here, access by access, through the guest's tables and the "
    "nested one. `/` asks for an address, `:walk rsp` follows a register, `<` and `>` select "
    "another CPU."
)
VALUE_FROM_CELLS = 58
"""A narrower window leaves the entries' values out and keeps their words."""


def _guest(walk: PageWalk, index: int, wide: bool) -> Line:
    level = walk.levels[index]
    missing = level.nested.hpa is None
    value = f"{level.value:16x}  " if wide and not missing else ""
    words = level.nested.why if missing else level.words
    bad: Role = "bad" if missing or not level.value & 1 or level.reserved else "plain"
    return line(
        (f"{level.name}[{level.index:03}] ", "strong"),
        ("gpa ", "dim"), (f"{digits(level.entry_gpa)}  ", "name"), (value, "number"),
        (words, bad), ("  reserved bits are set" if level.reserved else "", "bad"),
        ("  leaf" if level.leaf and not missing else "", "good"),
    )  # fmt: skip


def _nested(purpose: str, step: NestedLevel, wide: bool, refused: bool) -> Line:
    value = f"{step.value:16x}  " if wide else ""
    role: Role = "bad" if refused else "dim"
    return line(
        ("   n", "dim"), (f"{step.name}[{step.index:03}] ", "plain"),
        ("hpa ", "dim"), (f"{digits(step.entry_hpa)}  ", "plain"), (value, "plain"),
        (step.words, role), (f"  of {purpose}", "dim"),
    )  # fmt: skip


def rows(found: WalkView, width: int) -> list[tuple[Line, Spot | None]]:
    """Every access in its order, and what pointing at it does."""
    walk, wide = found.walk, width >= VALUE_FROM_CELLS
    if walk is None:
        return []
    shown: list[tuple[Line, Spot | None]] = []
    for index, level in enumerate(walk.levels):
        shown += _nested_rows(level.name, level.nested, wide)
        go, edit = "", ""
        if level.nested.hpa is not None:
            go = f"mem gpa:{level.entry_gpa & ~0xFFF:#x} as table"
            edit = f"set hpa:{level.nested.hpa:#x}/8={level.value:#x}"
        shown.append((_guest(walk, index, wide), Spot(0, f"g{level.name}", go, edit)))
    if walk.nested is not None:
        shown += _nested_rows("page", walk.nested, wide)
    return shown


def _nested_rows(purpose: str, walk: NestedWalk, wide: bool) -> list[tuple[Line, Spot | None]]:
    found: list[tuple[Line, Spot | None]] = []
    for level in walk.levels:
        refused = walk.at == level.name
        edit = f"set npt:{walk.gpa & ~0xFFF:#x}={level.value:#x}" if level.name == "L1" else ""
        spot = Spot(0, f"n{purpose}{level.name}", f"npt {walk.gpa:#x}", edit)
        found.append((_nested(purpose, level, wide, refused), spot))
    return found


def _verdict(found: WalkView) -> list[Line]:
    walk = found.walk
    assert walk is not None, "a verdict is about a walk"
    good = walk.verdict == "ok"
    words = f"{walk.verdict}" + (f": {walk.why}" if walk.why else "")
    head = [
        line(("gva ", "dim"), (address(walk.gva), "name"), (f"  {found.symbol}", "name"),
             ("  cr3 ", "dim"), (address(found.cr3), "number")),
    ]  # fmt: skip
    if walk.gpa is not None:
        hpa = "-" if walk.hpa is None else address(walk.hpa)
        head.append(
            line(("gpa ", "dim"), (address(walk.gpa), "name"), ("  hpa ", "dim"), (hpa, "name"),
                 (f"  {found.page_state}", "plain"))
        )  # fmt: skip
    code = f"  error code {walk.error_code:#x}" if walk.verdict == "page fault" else ""
    head.append(line(("+ " if good else "! ", "good" if good else "bad"),
                     (f"{walk.access}: {words}{code}", "good" if good else "bad")))  # fmt: skip
    return head


def render(view: MachineView, window: Window) -> Page:
    """The address and the verdict stay at the top, the accesses scroll below."""
    found = view.sections.walk
    if found is None:
        return notice("", window)
    detail = joined(f"cpu {found.cpu}", found.where)
    if found.walk is None:
        return teaching(f"{found.problem}.", _TEACHES, window, detail)
    head = _verdict(found)[: window.height]
    every = rows(found, window.width)
    height = window.height - len(head)
    top = top_of(window, height, len(every))
    shown = every[top : top + height]
    spots = tuple(
        Spot(len(head) + row, spot.key, spot.go, spot.edit)
        for row, (_, spot) in enumerate(shown) if spot is not None
    )  # fmt: skip
    return Page(
        lines=(*head, *(styled for styled, _ in shown)),
        detail=joined(detail, f"{len(found.walk.steps())} accesses",
                      span_words(top, height, len(every))),
        top=top, rows=height, total=len(every), anchor=(top, 0), spots=spots,
    )  # fmt: skip


PANEL = Panel(
    "walk",
    "Walk",
    render,
    home="look",
    live=False,
    needs="walk",
    words=("walk",),
    filter="walk ",
)
