"""How a boot goes forward, and since when it does not."""

from typing import Final

from emu.machine.event import Event, EventKind
from emu.machine.machine import Machine

PROGRESS: Final[frozenset[EventKind]] = frozenset(
    ("milestone", "mailbox", "serial", "log", "state")
)
"""Events by which a boot goes forward. What people inject is none, and faults are none."""
SLOW_TICKS: Final = 2_000_000
"""A boot whose last progress is not longer ago is slow; one that made none for longer is
stuck."""


def last_progress(machine: Machine) -> Event | None:
    """The newest event by which the boot went forward."""
    events = machine.board.logs.events
    for index in range(events.folds(events.now) - 1, -1, -1):
        first, end = events.fold(index)
        if events.at(first).kind in PROGRESS:
            return events.at(min(end, events.now) - 1)
    return None


def idle_ticks(machine: Machine) -> int:
    """Instructions since the last progress."""
    last = last_progress(machine)
    return machine.board.tick - (0 if last is None else last.tick)


def slow_or_stuck(machine: Machine) -> str:
    """What a boot that was cut off was, in words."""
    idle = idle_ticks(machine)
    if idle <= SLOW_TICKS:
        return f"slow: the last progress was {idle:,} instructions ago"
    return no_progress(machine)


def no_progress(machine: Machine) -> str:
    """What the watchdog says."""
    return f"stuck: no progress for {idle_ticks(machine):,} instructions"
