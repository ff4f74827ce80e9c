"""The timeline as a picture: for each CPU a row of cells over a window of ticks."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from emu.debug.view import LaneView, TimelineView
from emu.hw.cpu import Activity
from emu.machine.event import Event, MailboxWrite
from emu.machine.machine import Machine

CELLS: Final = 240
"""Cells of a lane, whatever the screen: a panel merges them."""
LANES_MAX: Final = 64
"""Lanes in one view, those around the CPU in focus."""
RUNS_PER_CELL: Final = 12
"""Of more runs in one cell only so many are looked at, evenly."""
_LETTERS: Final[dict[Activity, str]] = {
    "running": "s", "waiting": "z", "halted": "z", "off": ".", "wait-for-sipi": ".",
    "shutdown": "x",
}  # fmt: skip


def timeline_view(
    machine: Machine, focus: int, end: int, window: tuple[int, int] | None,
    names: tuple[str, int], marks: tuple[tuple[str, int], ...],
) -> TimelineView:  # fmt: skip
    """The known course up to `end`; `names`: the branch, and how many there are."""
    first, last = window or (0, end)
    last = max(last, first + 1)
    low = max(0, min(focus - LANES_MAX // 2, len(machine.cpus) - LANES_MAX))
    shown = range(low, min(low + LANES_MAX, len(machine.cpus)))
    edges = [first + (last - first) * cell // CELLS for cell in range(CELLS + 1)]
    rows = _activities(machine, shown, edges)
    _executions(machine, rows, edges)
    _events(machine.events.known, rows, edges)
    lanes = tuple(LaneView(cpu, "".join(rows[cpu])) for cpu in shown)
    return TimelineView(first, last, machine.tick, end, *names, marks, lanes)


def _activities(machine: Machine, shown: range, edges: list[int]) -> dict[int, list[str]]:
    """What each CPU was doing where it did not execute."""
    rows = {cpu: ["."] * CELLS for cpu in shown}
    begun = dict.fromkeys(shown, 0)
    doing: dict[int, Activity] = dict.fromkeys(shown, "off")
    for turn in machine.turns.known:
        if turn.cpu in rows:
            cell = min(max(bisect_right(edges, turn.tick) - 1, 0), CELLS)
            _fill(rows[turn.cpu], begun[turn.cpu], cell, _LETTERS[doing[turn.cpu]])
            begun[turn.cpu], doing[turn.cpu] = cell, turn.activity
    for cpu in shown:
        _fill(rows[cpu], begun[cpu], CELLS, _LETTERS[doing[cpu]])
    return rows


def _fill(row: list[str], first: int, end: int, letter: str) -> None:
    row[first:end] = letter * max(min(end, CELLS) - first, 0)


def _executions(machine: Machine, rows: dict[int, list[str]], edges: list[int]) -> None:
    lanes = machine.lanes
    for cell in range(CELLS):
        first, last = edges[cell], edges[cell + 1]
        step = max((last - first) // RUNS_PER_CELL, 1)
        for tick in range(first + 1, max(last, first + 1) + 1, step):
            cpu = lanes.cpu_at(tick)
            if cpu in rows:
                rows[cpu][cell] = "#"


def _events(events: Sequence[Event], rows: dict[int, list[str]], edges: list[int]) -> None:
    """Milestones and writes to the mailbox stand above all else."""
    for event in events:
        if event.cpu in rows and edges[0] <= event.tick <= edges[-1]:
            cell = min(bisect_right(edges, event.tick) - 1, CELLS - 1)
            row = rows[event.cpu]
            if isinstance(event.detail, MailboxWrite):
                row[cell] = "W"
            elif event.kind == "fault":
                row[cell] = "!"
            elif event.kind == "milestone" and row[cell] not in "W!":
                row[cell] = "M"
