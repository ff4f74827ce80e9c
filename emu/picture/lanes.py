"""The timeline as a picture: for each CPU a row of cells over a window of ticks."""

from array import array
from bisect import bisect_left, bisect_right
from itertools import islice
from typing import Final

from emu.hw.cpu import Activity
from emu.machine.event import Event, MailboxWrite
from emu.machine.log import Lanes, Log, Turn
from emu.machine.machine import Machine
from emu.picture.phases import PhaseIndex, named_phases
from emu.picture.view import LaneView, TimelineView

CELLS: Final = 240
"""Cells of a lane, whatever the screen: a panel merges them."""
LANES_MAX: Final = 64
"""Lanes in one view, those around the CPU in focus."""
EVENTS_PER_CELL: Final = 64
"""Of more events in one cell only so many are looked at."""
RUNS_PER_CELL: Final = 12
"""Of more runs in one cell only so many are looked at, evenly."""
RUNS_MAX: Final = CELLS * RUNS_PER_CELL
"""Runs that are gone through one by one."""
_LETTERS: Final[dict[Activity, str]] = {
    "running": "s", "waiting": "z", "halted": "h", "off": ".", "wait-for-sipi": ".",
    "shutdown": "x",
}  # fmt: skip


Marks = tuple["array[int]", list[str]]
"""Ticks in order, and a letter for each."""


class LaneIndex:
    """What the two logs have for each CPU, in the order of time, as far as they were read: a
    picture costs what it shows, however long the logs are."""

    def __init__(self) -> None:
        self._events: Log[Event] | None = None
        self._turns: Log[Turn] | None = None
        self._read = 0, 0
        self.notable: dict[int, Marks] = {}
        """By CPU: ticks, and the letter of what happened."""
        self.doing: dict[int, Marks] = {}
        """By CPU: ticks, and the letter of what it does from there on."""
        self.phases = PhaseIndex({})

    def catch_up(self, machine: Machine) -> None:
        """Read what is new in the logs; another branch is read from its beginning."""
        events, turns = machine.board.logs.events, machine.board.logs.turns
        if self._events is not events or self._turns is not turns:
            self._events, self._turns, self._read = events, turns, (0, 0)
            self.notable.clear()
            self.doing.clear()
            self.phases = PhaseIndex(named_phases(machine.board))
        for place in range(self._read[0], events.known_count):
            event = events.at(place)
            self.phases.take(event)
            letter = _letter(event)
            if letter and event.cpu is not None:
                _add(self.notable, event.cpu, event.tick, letter)
        for place in range(self._read[1], turns.known_count):
            turn = turns.at(place)
            _add(self.doing, turn.cpu, turn.tick, _LETTERS[turn.activity])
        self._read = events.known_count, turns.known_count


def _add(rows: dict[int, Marks], cpu: int, tick: int, letter: str) -> None:
    ticks, letters = rows.setdefault(cpu, (array("Q"), []))
    ticks.append(tick)
    letters.append(letter)


def _letter(event: Event) -> str:
    if isinstance(event.detail, MailboxWrite):
        return "W"
    return {"fault": "!", "milestone": "M", "exit": "v"}.get(event.kind, "")


def timeline_view(
    machine: Machine,
    index: LaneIndex,
    focus: int,
    end: int,
    window: tuple[int, int] | None,
    names: tuple[str, int],
    marks: tuple[tuple[str, int], ...],
) -> TimelineView:
    """The known course up to `end`; `names`: the branch, and how many there are."""
    index.catch_up(machine)
    first, last = window or (0, end)
    last = max(last, first + 1)
    low = max(0, min(focus - LANES_MAX // 2, len(machine.board.cpus) - LANES_MAX))
    shown = range(low, min(low + LANES_MAX, len(machine.board.cpus)))
    length = last - first
    edges = [first + part // CELLS for part in range(0, length * CELLS + 1, length)]
    rows = {cpu: _activity(index, cpu, edges) for cpu in shown}
    _executions(machine.board.logs.lanes, rows, edges)
    for cpu in shown:
        _events(index, cpu, rows[cpu], edges)
    lanes = tuple(LaneView(cpu, "".join(rows[cpu])) for cpu in shown)
    return TimelineView(first, last, machine.board.tick, end, *names, marks, lanes)


def _activity(index: LaneIndex, cpu: int, edges: list[int]) -> list[str]:
    """What a CPU was doing where it did not execute."""
    ticks, letters = index.doing.get(cpu, (array("Q"), []))
    row = ["."] * CELLS
    place = bisect_right(ticks, edges[0])
    letter = letters[place - 1] if place else "."
    begun = 0
    while place < len(ticks) and ticks[place] < edges[-1]:
        cell = bisect_right(edges, ticks[place]) - 1
        _fill(row, begun, cell, letter)
        begun = cell
        # Of several in one cell the last one counts.
        place = bisect_left(ticks, edges[cell + 1], place) if cell + 1 < CELLS else len(ticks)
        letter = letters[place - 1]
    _fill(row, begun, CELLS, letter)
    return row


def _fill(row: list[str], first: int, end: int, letter: str) -> None:
    row[first:end] = letter * max(min(end, CELLS) - first, 0)


def _executions(lanes: Lanes, rows: dict[int, list[str]], edges: list[int]) -> None:
    """Where CPUs executed. Every cell is looked at in the same few places, whether its runs are
    gone through or, where there are too many, the places."""
    runs = list(islice(lanes.runs(edges[0], edges[-1]), RUNS_MAX + 1))
    if len(runs) > RUNS_MAX:
        _sampled(lanes, rows, edges)
        return
    for run in runs:
        row = rows.get(run.cpu)
        if row is None:
            continue
        end = min(bisect_left(edges, run.last), CELLS)
        first = bisect_left(edges, run.first)
        # A cell that begins within the run has its first place there.
        row[first:end] = "#" * (end - first)
        if first and _looked_at(edges, first - 1, run.first, run.last):
            row[first - 1] = "#"


def _places(edges: list[int], cell: int) -> range:
    """The ticks of a cell that are looked at."""
    first, last = edges[cell], edges[cell + 1]
    return range(first + 1, max(last, first + 1) + 1, max((last - first) // RUNS_PER_CELL, 1))


def _looked_at(edges: list[int], cell: int, first: int, last: int) -> bool:
    """Whether a place of a cell lies behind `first` and not behind `last`."""
    places = _places(edges, cell)
    at = bisect_right(places, first)
    return at < len(places) and places[at] <= last


def _sampled(lanes: Lanes, rows: dict[int, list[str]], edges: list[int]) -> None:
    """The same, place by place."""
    for cell in range(CELLS):
        for tick in _places(edges, cell):
            cpu = lanes.cpu_at(tick)
            if cpu in rows:
                rows[cpu][cell] = "#"


def _events(index: LaneIndex, cpu: int, row: list[str], edges: list[int]) -> None:
    """Faults, writes to the mailbox, milestones and exits stand above all else."""
    ticks, letters = index.notable.get(cpu, (array("Q"), []))
    place = bisect_left(ticks, edges[0])
    while place < len(ticks) and ticks[place] <= edges[-1]:
        cell = min(bisect_right(edges, ticks[place]) - 1, CELLS - 1)
        end = bisect_left(ticks, edges[cell + 1], place + 1) if cell + 1 < CELLS else len(ticks)
        some = letters[place : min(end, place + EVENTS_PER_CELL)]
        row[cell] = min(some, key="!WMv".index)
        place = end
