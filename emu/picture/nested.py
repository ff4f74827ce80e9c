"""The nested page table: what it maps and how, page states, and one page in detail."""

from emu.errors import CommandError
from emu.hw.address import Gpa, page_of
from emu.hw.nested_walk import walk_nested
from emu.igvm.launch_pages import page_at
from emu.machine.machine import Machine
from emu.picture.mapped import nested_ranges
from emu.picture.sections import NestedLook, NestedRange, NestedView, PageDetail, size_words
from emu.timeline.timeline import Timeline
from emu.words.expression import address


def nested_view(machine: Machine, timeline: Timeline, look: NestedLook) -> NestedView:
    """The model nested table as it is now."""
    every = nested_ranges(machine)
    found, page = every, None
    if look.where:
        try:
            gpa = address(machine, machine.board.cpus[0], look.where)
        except CommandError:
            found = tuple(one for one in every if _matches(one, look.where))
        else:
            page = _detail(machine, timeline, gpa)
    dirty = _written_pages(timeline)
    counts = tuple(_count(machine, one, dirty) for one in found)
    return NestedView(look, found, counts, len(every), page)


def _matches(one: NestedRange, text: str) -> bool:
    words = [one.state, one.rights, "absent" if one.hpa is None else "present"]
    words += ["shared-view"] if one.shared_view else []
    words += [one.launch] if one.launch else []
    return all(word in words for word in text.split())


def _written_pages(timeline: Timeline) -> set[int]:
    """HPAs of all pages that the undo log saw written up to now."""
    pages = set(timeline.machine.board.undo.images)
    for point in timeline.branch.points:
        if point.moment <= timeline.now:
            pages.update(point.images)
    return pages


def _count(machine: Machine, one: NestedRange, pages: set[int]) -> int:
    if one.hpa is None:
        return 0
    first, end = one.hpa, one.hpa + one.size
    if one.size // 4096 < len(pages):
        return sum(page in pages for page in range(first, end, 4096))
    return sum(first <= page < end for page in pages)


def _detail(machine: Machine, timeline: Timeline, gpa: int) -> PageDetail:
    walk = walk_nested(machine.board.memory, machine.board.npt.model_root, Gpa(gpa))
    own = Gpa(gpa & ~machine.board.shared_alias)
    state = machine.board.ram.state(own) or "no memory"
    leaf = machine.board.npt.hpa_of(gpa)
    written = None if leaf is None else _written(timeline, page_of(leaf))
    symbol = machine.board.layout.symbols.name(own)
    laid = page_at(machine.board.layout.launch, own)
    launch = "" if laid is None else laid.words(own)
    shared_view = bool(gpa & machine.board.shared_alias)
    return PageDetail(walk, state, shared_view, symbol, written, launch)


def _written(timeline: Timeline, page: int) -> tuple[int, int] | None:
    """The stretch between two checkpoints in which a page was written last."""
    points = [p for p in timeline.branch.points if p.moment <= timeline.now]
    if page in timeline.machine.board.undo.images:
        return points[-1].moment.tick, timeline.now.tick
    for before, after in zip(reversed(points[:-1]), reversed(points), strict=False):
        if page in after.images:
            return before.moment.tick, after.moment.tick
    return None


def lines(view: NestedView) -> tuple[str, ...]:
    """One page in detail if one was named, else the ranges."""
    if view.page is not None:
        rows = [*view.page.walk.lines(), f"page state: {view.page.state}"]
        if view.page.launch:
            rows.append(f"launch: {view.page.launch}")
        if view.page.written is not None:
            rows.append("last written after tick {:,}, by tick {:,}".format(*view.page.written))
        return tuple(rows)
    rows = [
        f"{one.gpa:#x}..{one.gpa + one.size - 1:#x} -> "
        f"{'absent' if one.hpa is None else hex(one.hpa)}  {size_words(one.size)}  "
        f"{one.rights}  "
        f"{one.state}{'  shared view' if one.shared_view else ''}"
        f"{f'  {one.launch}' if one.launch else ''}  {count:,} pages written"
        for one, count in zip(view.ranges, view.written, strict=True)
    ]
    return tuple(rows) or (f"npt: no range is {view.look.where}",)
