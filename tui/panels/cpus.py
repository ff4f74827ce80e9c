"""All CPUs, one row each: its state, where it is and what it waits for. Of many, those that are
alike share a row, or each is a cell of a map."""

from collections.abc import Sequence

from msgspec import Struct

from emu.picture.cpus import CpuGroup, kept, rows
from emu.picture.view import CpuView, MachineView
from tui.panels import cpu_map
from tui.panels.base import Page, Panel, Spot, Window, joined, span_words, top_of
from tui.panels.empty import teaching
from tui.panels.states import EVERY, WORD_CELLS, looks, summary
from tui.text import Line, address, clock, file_name, line, pad, right

_TEACHES = (
    "A row for each CPU stands here: what it does, where it is and what it waits for. `:cpus` "
    "shows all of them again, `/` narrows them down another way."
)
HEADING_FROM_ROWS = 5
"""A lower window spends no row on the heading."""
APIC_FROM_CELLS = 52
CLOCK_FROM_CELLS = 112
MILESTONE_FROM_CELLS = 140
WORDS_FROM_CELLS = 50
NARROW_WORD_CELLS = 9
"""A narrower window has room for `spinning` and `wait SIPI`, and shortens what is rare."""
MILESTONE_CELLS = 20
SOURCE_FROM_ROOM = 50
"""Cells that must be left for the source line to get a column of its own."""
HALVES_FROM_ROOM = 36
"""From so many cells on a wait has as many as a name: `[0xbfe004c] == 1` is whole."""
SOURCE_CELLS = 19
WHERE_CELLS_MAX = 28
_GAP = "  "


class _Columns(Struct, frozen=True):
    """Cells per column; 0 leaves a column out. They depend on the window and the machine's
    size only, so that nothing moves between two steps."""

    id: int
    apic: int
    state: int
    where: int
    line: int
    waits: int
    milestone: int
    ticks: int
    clock: int


def _columns(view: MachineView, width: int) -> _Columns:
    id_cells = max(len(str(len(view.cpus) - 1)), 2)
    most = max(cpu.apic_id for cpu in view.cpus)
    told = width >= APIC_FROM_CELLS and any(cpu.apic_id != cpu.id for cpu in view.cpus)
    apic = max(len(str(most)), 4) if told else 0
    wide = width >= CLOCK_FROM_CELLS
    ticks, time = (13, 11) if wide else (0, 0)
    state = WORD_CELLS if width >= WORDS_FROM_CELLS else NARROW_WORD_CELLS
    fixed = 2 + id_cells + 1 + (apic + 2 if apic else 0) + 2 + state + 1 + 1
    fixed += ticks + time + 4 if wide else 0
    milestone = MILESTONE_CELLS + 2 if width >= MILESTONE_FROM_CELLS else 0
    fixed += milestone
    room = max(width - fixed, 0)
    source = SOURCE_CELLS + 1 if room >= SOURCE_FROM_ROOM else 0
    halves = room >= HALVES_FROM_ROOM
    names = (3, 7) if width < WORDS_FROM_CELLS else (1, 2) if halves else (4, 7)
    where = min(-(-(room - source) * names[0] // names[1]), WHERE_CELLS_MAX)
    return _Columns(
        id_cells, apic, state, where, source, room - source - where, milestone, ticks, time
    )


def _heading(columns: _Columns) -> Line:
    words = "  " + right("#", columns.id) + " "
    if columns.apic:
        words += right("apic", columns.apic) + _GAP
    words += pad("state", columns.state + 2) + " "
    words += pad("where", columns.where + columns.line) + " " + pad("waits for", columns.waits)
    if columns.milestone:
        words += _GAP + pad("milestone", columns.milestone - 2)
    if columns.ticks:
        words += _GAP + right("instructions", columns.ticks)
        words += _GAP + right("clock", columns.clock)
    return line((words, "dim"))


def where(cpu: CpuView) -> str:
    """The symbol a CPU is at; its address where nothing has a name."""
    if cpu.state in ("off", "wait-for-sipi"):
        return "-"
    return cpu.symbol or address(cpu.rip)


def _place(cpu: CpuView, cells: int) -> str:
    """The same in so many cells: the name of a function says more than how far it is in it."""
    place = where(cpu)
    return place if len(place) <= cells else place.partition("+")[0]


def _row(cpu: CpuView, columns: _Columns, focused: bool) -> Line:
    state = looks(cpu)
    waits = cpu.waits.replace("mailbox ", "")
    apic = right(str(cpu.apic_id), columns.apic) + _GAP if columns.apic else ""
    tail = ""
    milestone = pad(cpu.milestone or "-", columns.milestone - 2) if columns.milestone else ""
    if columns.ticks:
        time = right(clock(cpu.virtual_ns), columns.clock)
        tail = _GAP + right(f"{cpu.ticks:,}", columns.ticks) + _GAP + time
    return line(
        ("▸ " if focused else "  ", "here"),
        (right(str(cpu.id), columns.id) + " ", "strong" if focused else "plain"),
        (apic, "dim"),
        (f"{state.glyph} {pad(state.word, columns.state)} ", state.role),
        (pad(_place(cpu, columns.where), columns.where), "name"),
        (" " + pad(file_name(cpu.line), columns.line - 1) if columns.line else "", "dim"),
        " ",
        (pad(waits or "-", columns.waits), "plain" if waits else "dim"),
        (_GAP + milestone if milestone else "", "good" if cpu.milestone else "dim"),
        (tail, "number"),
    )


def _group(group: CpuGroup, columns: _Columns) -> Line:
    """CPUs that are alike, in one row: how many, what they do, and which."""
    cpu, waits = group.cpus[0], group.waits.replace("mailbox ", "")
    state = looks(cpu)
    cells = columns.id + 1 + (columns.apic + 2 if columns.apic else 0) + 1
    count = f"{len(group.cpus):,} cpus"
    count = count if len(count) < cells else f"{len(group.cpus)}x"
    function = where(cpu).partition("+")[0]
    return line(
        ("-" if group.open else "+", "dim"), (pad(count, cells), "strong"),
        (f"{state.glyph} {pad(state.word, columns.state)} ", state.role),
        (pad(function, columns.where + columns.line) + " ", "name"),
        (waits or "-", "plain" if waits else "dim"), (f"  {group.ids}", "dim"),
    )  # fmt: skip


def _spot(row: int, one: CpuGroup) -> Spot:
    """A CPU is selected; a group is opened or closed."""
    cpu = one.cpus[0].id
    if one.kind is None:
        return Spot(row, f"c{cpu}", f"cpu {cpu}")
    how = "close" if one.open else "open"
    return Spot(row, f"g{' '.join(one.kind)}", f"cpus {how} {cpu}")


def _told(view: MachineView, cpus: Sequence[CpuView]) -> str:
    """What a look leaves out, and its order."""
    look, hidden = view.cpus_look, len(view.cpus) - len(cpus)
    words = f"{len(cpus):,} are {look.filter!r}, {hidden:,} hidden" if look.filter else ""
    return joined(words, f"by {look.sort}" if look.sort else "")


def render(view: MachineView, window: Window) -> Page:
    """Only the rows in the window are built. Where there are more CPUs than rows, those that
    are alike share one."""
    cpus = kept(view.cpus, view.cpus_look)
    told = _told(view, cpus)
    if not cpus:
        return teaching("No CPU is like that.", _TEACHES, window, told)
    if view.cpus_look.shape == "map":
        return cpu_map.page(view, cpus, told, window)
    columns = _columns(view, window.width)
    head = (_heading(columns),) if window.height >= HEADING_FROM_ROWS else ()
    most = max(window.height - len(head), 0)
    every = rows(cpus, view.cpus_look, view.focus, most)
    at = next((i for i, one in enumerate(every) if one.is_of(view.focus)), None)
    top = top_of(window, most, len(every), at)
    shown = every[top : top + most]
    return Page(
        lines=(*head, *(
            _row(one.cpus[0], columns, one.is_of(view.focus)) if one.kind is None
            else _group(one, columns) for one in shown
        )),
        detail=joined(told, summary(view.cpus), span_words(top, most, len(every))),
        top=top, rows=most, total=len(every), anchor=(top, 0),
        spots=tuple(_spot(len(head) + row, one) for row, one in enumerate(shown)),
    )  # fmt: skip


def _other(view: MachineView) -> str:
    """The map, or the list."""
    return f"cpus as {'list' if view.cpus_look.shape == 'map' else 'map'}"


_LEGEND = "\n".join(f"  {one.glyph} {one.word:<11}  {one.meaning}" for one in EVERY)

PANEL = Panel(
    "cpus", "CPUs", render, home="own", selects_cpu=True, follows=True, words=("cpus",),
    filter="cpus ", other=_other,
)  # fmt: skip
