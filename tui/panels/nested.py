"""The nested page table: what lies behind guest-physical memory, and what the guest may do."""

from emu.picture.sections import NestedRange, PageDetail, size_words
from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, notice, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Role, address, digits, line, pad, right

_TEACHES = (
    "Ranges of guest-physical memory come here: where they lie in the host, and what the guest "
    "may do with them. `/` looks for others, `:npt all` shows every one, `:npt 0x8400000` one "
    "page."
)
_LAUNCHED: dict[str, Role] = {"measured": "good", "shared": "warn"}
_STATES: dict[str, Role] = {"private": "good", "shared": "warn", "unaccepted": "dim"}
ADDRESS_CELLS = 17
SIZE_CELLS = 9
STATE_CELLS = 10
LAUNCH_CELLS = 10


def _range(one: NestedRange, written: int, launch: bool) -> Line:
    """`launch`: whether any range says how it was laid down."""
    target = "absent" if one.hpa is None else address(one.hpa)
    pages = f"  {written:,} written" if written else ""
    marks = "".join(
        f"  {letter} {count:,}"
        for letter, count in (("A", one.accessed), ("D", one.dirty))
        if count
    )
    return line(
        (digits(one.gpa, ADDRESS_CELLS), "name"),
        (f" {right(size_words(one.size), SIZE_CELLS)}  ", "number"),
        (pad(one.rights, 4), "plain"), (pad(one.state, STATE_CELLS) + " ", _STATES[one.state]),
        (pad(one.launch, LAUNCH_CELLS) + " " if launch else "",
         _LAUNCHED.get(one.launch, "plain")),
        ("→ ", "dim"), (target, "bad" if one.hpa is None else "number"),
        ("  shared view" if one.shared_view else "", "warn"), (pages + marks, "dim"),
    )  # fmt: skip


def _page(page: PageDetail) -> list[tuple[Line, Spot | None]]:
    walk = page.walk
    good = walk.verdict == "ok"
    view = "  shared view" if page.shared_view else ""
    rows: list[tuple[Line, Spot | None]] = [
        (line(("gpa ", "dim"), (address(walk.gpa), "name"), (f"  {page.symbol}", "name"),
              (f"  {page.state}", _STATES.get(page.state, "plain")), (view, "warn")), None),
    ]  # fmt: skip
    for level in walk.levels:
        refused = walk.at == level.name
        edit = f"set npt:{walk.gpa & ~0xFFF:#x}={level.value:#x}" if level.name == "L1" else ""
        styled = line(
            (f"  {level.name}[{level.index:03}] ", "strong"), ("hpa ", "dim"),
            (digits(level.entry_hpa) + "  ", "name"), (f"{level.value:16x}  ", "number"),
            (level.words, "bad" if refused else "plain"),
        )  # fmt: skip
        go = f"mem hpa:{level.entry_hpa & ~0xFFF:#x} as table"
        rows.append((styled, Spot(0, level.name, go, edit)))
    hpa = "" if walk.hpa is None else f"  hpa {address(walk.hpa)}"
    rows.append((line(("+ " if good else "! ", "good" if good else "bad"),
                      (f"{walk.why}{hpa}", "good" if good else "bad")), None))  # fmt: skip
    if page.launch:
        reads = Spot(0, "reader", f"first-reader gpa:{walk.gpa & ~0xFFF:#x}")
        words = f"{page.launch}: Enter says who read it first"
        role = _LAUNCHED.get(page.launch.partition(",")[0], "plain")
        rows.append((line((words, role)), reads))
    if page.written is not None:
        first, last = page.written
        words = f"last written after tick {first:,}, by tick {last:,}: Enter says by whom"
        base = walk.gpa & ~0xFFF
        rows.append(
            (line((words, "plain")), Spot(0, "writer", f"last-writer gpa:{base:#x}/4096"))
        )
    return rows


def render(view: MachineView, window: Window) -> Page:
    """The page that was asked for stays at the top; the ranges scroll below."""
    found = view.sections.nested
    if found is None:
        return notice("", window)
    head = _page(found.page)[: max(window.height - 1, 0)] if found.page is not None else []
    height = window.height - len(head)
    detail = joined(found.look.where, f"{len(found.ranges)} of {found.total} ranges")
    if not found.ranges:
        return teaching(f"No range is {found.look.where!r}.", _TEACHES, window, detail)
    top = top_of(window, height, len(found.ranges))
    shown = list(zip(found.ranges, found.written, strict=True))[top : top + height]
    spots = [Spot(row, s.key, s.go, s.edit) for row, (_, s) in enumerate(head) if s is not None]
    spots += [
        Spot(len(head) + row, f"{one.gpa:x}{one.shared_view}", f"npt {one.gpa:#x}",
             f"set npt:{one.gpa:#x}=0x")
        for row, (one, _) in enumerate(shown)
    ]  # fmt: skip
    launch = any(one.launch for one in found.ranges)
    return Page(
        lines=(*(styled for styled, _ in head), *(_range(*one, launch) for one in shown)),
        detail=joined(detail, span_words(top, height, len(found.ranges))),
        top=top, rows=height, total=len(found.ranges), anchor=(top, 0), spots=tuple(spots),
    )  # fmt: skip


PANEL = Panel(
    "nested",
    "NPT",
    render,
    home="look",
    live=False,
    needs="nested",
    words=("npt",),
    filter="npt ",
)
