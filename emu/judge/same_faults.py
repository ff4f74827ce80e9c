"""A machine that does nothing but take the same faults, for ever: no limit of instructions ends
it soon, since a fault takes few of them or none."""

from collections import Counter
from typing import Final

from msgspec import Struct, field

from emu.judge.progress import PROGRESS
from emu.machine.event import Event
from emu.machine.log import Log
from emu.machine.machine import Machine

FOR_EVER: Final = 30_000
"""Faults, with nothing else between, after which nobody waits any longer: some 15 seconds."""
DIFFERENT_MAX: Final = 16
"""Of so many that differ they are still the same ones, again and again."""


class SameFaults(Struct):
    """How many faults there were since anything else happened; each event is looked at once."""

    log: Log[Event] | None = None
    seen: int = 0
    """Events that were looked at."""
    counts: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    """(CPU, words) -> how often."""

    def look(self, machine: Machine) -> int:
        """How many there are by now; 0 where too many differ."""
        log = machine.board.logs.events
        if log is not self.log or log.now < self.seen:
            self.log, self.seen = log, 0
            self.counts.clear()
        for index in range(self.seen, log.now):
            event = log.at(index)
            if event.kind == "fault":
                self.counts[event.cpu, event.text] += 1
            elif event.kind in PROGRESS:
                self.counts.clear()
        self.seen = log.now
        return self.counts.total() if len(self.counts) <= DIFFERENT_MAX else 0


def fault_words(machine: Machine) -> str:
    """What a machine is told as that does nothing but fault; empty for any other. The log is
    read back to where anything else happened."""
    log, counts = machine.board.logs.events, Counter[tuple[int | None, str]]()
    for index in range(log.folds(log.now) - 1, -1, -1):
        first, end = log.fold(index)
        event = log.at(first)
        if event.kind in PROGRESS or len(counts) > DIFFERENT_MAX:
            break
        if event.kind == "fault":
            counts[event.cpu, event.text] += min(end, log.now) - first
    if counts.total() < FOR_EVER or len(counts) > DIFFERENT_MAX:
        return ""
    ((cpu, text), count), *others = counts.most_common()
    more = f", and {len(others)} other fault{'s' * (len(others) > 1)}" if others else ""
    return f"nothing happens any more but cpu {cpu} taking {text}, {count:,} times{more}"
