"""The log as rows that are read when they are shown: a filter costs one pass, then nothing."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, get_args, overload

from msgspec import Struct, field

from emu.errors import CommandError
from emu.given.number import is_digits
from emu.machine.event import Event, EventKind
from emu.machine.log import Log
from emu.picture.sections import LogLook, LogView

KINDS: Final[tuple[str, ...]] = get_args(EventKind)
SEARCHED_AT_ONCE: Final = 100_000
"""Events that one picture looks through for a new filter: some 50 ms."""
LINES_MAX: Final = 1_000
"""Events that a headless run prints; of more, the newest."""


def look_of(words: Sequence[str]) -> LogLook:
    """The look of `[cpu N] [KIND ...] [TEXT]`; raises CommandError for a CPU that is none."""
    rest, cpu = list(words), None
    if rest[:1] == ["cpu"]:
        if len(rest) < 2 or not is_digits(rest[1]):
            raise CommandError("events: takes [cpu N] [KIND] [TEXT]")
        cpu, rest = int(rest[1]), rest[2:]
    found = set()
    while rest and rest[0] in KINDS:
        found.add(rest.pop(0))
    return LogLook(cpu, frozenset(found), " ".join(rest))


class Rows(Sequence[Event]):
    """Events of a log as they were when the picture was made: entries of one branch never
    change, so a count freezes them."""

    __slots__ = ("_count", "_log", "_places")

    def __init__(self, log: Log[Event], count: int, places: "array[int] | None" = None) -> None:
        self._log, self._count, self._places = log, count, places

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        place = range(self._count)[index]
        return self._log.at(place if self._places is None else self._places[place])


class Matches(Struct):
    """The places that match one look, as far as the log was looked through."""

    look: LogLook
    log: Log[Event]
    places: "array[int]" = field(default_factory=lambda: array("I"))
    searched: int = 0

    def view(self, most: int = SEARCHED_AT_ONCE) -> LogView:
        """Look through some more, and show what there is up to now."""
        log = self.log
        if self.look == LogLook():
            return LogView(self.look, Rows(log, log.now), log.now, log.now)
        end = min(log.now, self.searched + most)
        for place in range(self.searched, end):
            if self.look.keeps(log.at(place)):
                self.places.append(place)
        self.searched = max(self.searched, end)
        count = bisect_left(self.places, log.now)
        searched = min(self.searched, log.now)
        return LogView(self.look, Rows(log, count, self.places), log.now, searched)


def lines(view: LogView) -> tuple[str, ...]:
    """The newest events as text."""
    rows = tuple(
        f"{event.tick:>11,}  {'-' if event.cpu is None else f'cpu {event.cpu}':8}"
        f"{event.kind:10}{event.text}"
        for event in view.rows[-LINES_MAX:]
    )
    words = f" with: {view.look.words}" if view.look.words else ""
    head = f"{len(view.rows):,} of {view.total:,} events{words}"
    return (*rows, head)
