"""The timeline as a picture: for each CPU a row of cells over a window of ticks, and how much
of each cell it executed."""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import Final

from emu.hw.cpu import Activity
from emu.machine.event import Event, MailboxWrite
from emu.machine.log import Lanes, Log, Turn
from emu.machine.machine import Machine
from emu.picture.axis import CELLS, Quiet, axis
from emu.picture.phases import PhaseIndex
from emu.picture.view import LaneView, TimelineView
from emu.profile.phases import named_phases

LANES_MAX: Final = 64
"""Lanes in one view, those around the CPU in focus."""
EVENTS_PER_CELL: Final = 64
"""Of more events in one cell only so many are looked at."""
RUNS_PER_CELL: Final = 12
"""Of more runs in one cell only so many are looked at, evenly."""
RUNS_MAX: Final = CELLS * RUNS_PER_CELL
"""Runs that are gone through one by one."""
_SOME: Final = re.compile(rb"[^\0]+")
EIGHTHS: Final = 8
"""A cell that a CPU executed alone."""
_LETTERS: Final[dict[Activity, str]] = {
    "running": "s", "waiting": "z", "halted": "h", "mwait": "h", "off": ".",
    "wait-for-sipi": ".", "shutdown": "x",
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
        self.quiet = Quiet()
        self.phases = PhaseIndex({})

    def catch_up(self, machine: Machine) -> None:
        """Read what is new in the logs; another branch is read from its beginning."""
        events, turns = machine.board.logs.events, machine.board.logs.turns
        if self._events is not events or self._turns is not turns:
            self._events, self._turns, self._read = events, turns, (0, 0)
            self.notable.clear()
            self.doing.clear()
            self.quiet = Quiet()
            self.phases = PhaseIndex(named_phases(machine.board))
        moments: list[tuple[int, int]] = []
        for place in range(self._read[0], events.known_count):
            event = events.at(place)
            self.phases.take(event)
            letter = _letter(event)
            if letter and event.cpu is not None:
                _add(self.notable, event.cpu, event.tick, letter)
            moments.append((event.tick, event.virtual_ns))
        for place in range(self._read[1], turns.known_count):
            turn = turns.at(place)
            _add(self.doing, turn.cpu, turn.tick, _LETTERS[turn.activity])
            moments.append((turn.tick, turn.clock_ps // 1_000))
        for tick, ns in sorted(moments):
            self.quiet.moment(tick, ns)
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
    now_ns = machine.board.now_ps() // 1_000
    edges, folds = axis(first, last, index.quiet.folded(first, last, now_ns))
    rows = {cpu: _activity(index, cpu, edges) for cpu in shown}
    parts = _executions(machine.board.logs.lanes, shown, edges)
    for cpu in shown:
        _executed(rows[cpu], parts[cpu])
        _events(index, cpu, rows[cpu], edges)
    lanes = tuple(LaneView(cpu, "".join(rows[cpu]), bytes(parts[cpu])) for cpu in shown)
    return TimelineView(
        first, last, machine.board.tick, end, *names, marks, lanes, tuple(edges), folds
    )


def _activity(index: LaneIndex, cpu: int, edges: list[int]) -> list[str]:
    """What a CPU was doing where it did not execute."""
    ticks, letters = index.doing.get(cpu, (array("Q"), []))
    cells = len(edges) - 1
    row = ["."] * cells
    place = bisect_right(ticks, edges[0])
    letter = letters[place - 1] if place else "."
    begun = 0
    while place < len(ticks) and ticks[place] < edges[-1]:
        cell = bisect_right(edges, ticks[place]) - 1
        _fill(row, begun, cell, letter)
        begun = cell
        # Of several in one cell the last one counts.
        place = bisect_left(ticks, edges[cell + 1], place) if cell + 1 < cells else len(ticks)
        letter = letters[place - 1]
    _fill(row, begun, cells, letter)
    return row


def _fill(row: list[str], first: int, end: int, letter: str) -> None:
    row[first:end] = letter * max(min(end, len(row)) - first, 0)


def _executed(row: list[str], parts: bytearray) -> None:
    """A cell in which it executed is one in which it executes."""
    for found in _SOME.finditer(parts):
        row[found.start() : found.end()] = "#" * len(found[0])


def _executions(lanes: Lanes, cpus: range, edges: list[int]) -> dict[int, bytearray]:
    """For each CPU how many eighths of each cell it executed, one at least where it did at
    all. Runs are gone through, or where there are too many a few places of each cell."""
    if lanes.runs_count(edges[0], edges[-1]) > RUNS_MAX:
        return _sampled(lanes, cpus, edges)
    ticks: dict[int, dict[int, int]] = {cpu: {} for cpu in cpus}
    for run in lanes.runs(edges[0], edges[-1]):
        row = ticks.get(run.cpu)
        if row is not None:
            _add_run(row, run.first, run.last, edges)
    found = {cpu: bytearray(len(edges) - 1) for cpu in cpus}
    for cpu, row in ticks.items():
        for cell, some in row.items():
            found[cpu][cell] = _eighths(some, edges[cell + 1] - edges[cell])
    return found


def _eighths(ticks: int, of: int) -> int:
    return -(-ticks * EIGHTHS // of) if ticks else 0


def _add_run(row: dict[int, int], first: int, last: int, edges: list[int]) -> None:
    """The ticks of a run to the cells that they lie in."""
    cell = bisect_right(edges, first) - 1
    while cell + 1 < len(edges) and edges[cell] < last:
        some = min(last, edges[cell + 1]) - max(first, edges[cell])
        if some:
            row[cell] = row.get(cell, 0) + some
        cell += 1


def _places(edges: list[int], cell: int) -> range:
    """The ticks of a cell that are looked at."""
    first, last = edges[cell], edges[cell + 1]
    return range(first + 1, max(last, first + 1) + 1, max((last - first) // RUNS_PER_CELL, 1))


def _sampled(lanes: Lanes, cpus: range, edges: list[int]) -> dict[int, bytearray]:
    """The same, place by place."""
    found = {cpu: bytearray(len(edges) - 1) for cpu in cpus}
    for cell in range(len(edges) - 1):
        places = _places(edges, cell)
        seen = Counter(lanes.cpus_at(places))
        for cpu, often in seen.items():
            if cpu in found:
                found[cpu][cell] = _eighths(often, len(places))
    return found


def _events(index: LaneIndex, cpu: int, row: list[str], edges: list[int]) -> None:
    """Faults, writes to the mailbox, milestones and exits stand above all else."""
    ticks, letters = index.notable.get(cpu, (array("Q"), []))
    cells = len(row)
    place = bisect_left(ticks, edges[0])
    while place < len(ticks) and ticks[place] <= edges[-1]:
        cell = min(bisect_right(edges, ticks[place]) - 1, cells - 1)
        end = bisect_left(ticks, edges[cell + 1], place + 1) if cell + 1 < cells else len(ticks)
        some = letters[place : min(end, place + EVENTS_PER_CELL)]
        row[cell] = min(some, key="!WMv".index)
        place = end
