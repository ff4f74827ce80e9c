"""The log as rows that are read when they are shown: equal events in a row are one row, and a
line of text is one; a filter costs one pass over these rows, then nothing."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, get_args, overload

from msgspec import Struct, field
from msgspec.structs import replace

from emu.errors import CommandError
from emu.given.number import is_digits, number
from emu.given.plain import plain
from emu.machine.event import Event, EventKind, Logged
from emu.machine.folds import FoldedLog
from emu.machine.logs import ExitLog
from emu.picture.log_views import LogLook, LogRow, LogView
from emu.vmm.line_part import LinePart, line_words

KINDS: Final[tuple[str, ...]] = get_args(EventKind)
SEARCHED_AT_ONCE: Final = 100_000
"""Events that one picture looks through for a new filter: some 50 ms."""
WORDS_COST: Final = 30
"""Of exits each fold has to be put into words first: so many times the work."""
LINES_MAX: Final = 1_000
"""Rows that a headless run prints; of more, the newest."""
LINE_MAX: Final = 4_096
"""Exits of a line of text that are read to show it."""


def look_of(words: Sequence[str], before: LogLook) -> LogLook:
    """The look of `[cpu N] [KIND ...] [TEXT]`, or `unfold [TICK]`, which opens or closes rows
    of the look there was; raises CommandError for a CPU or a tick that is none."""
    rest, cpu = list(words), None
    if rest[:1] == ["unfold"] and len(rest) <= 2:
        return _unfolded(before, rest[1:])
    if rest[:1] == ["cpu"]:
        if len(rest) < 2 or not is_digits(rest[1]):
            raise CommandError("events: takes [cpu N] [KIND] [TEXT], or unfold [TICK]")
        cpu, rest = int(rest[1]), rest[2:]
    found = set()
    while rest and rest[0] in KINDS:
        found.add(rest.pop(0))
    return LogLook(cpu, frozenset(found), " ".join(rest))


def _unfolded(before: LogLook, words: Sequence[str]) -> LogLook:
    if not words:
        return replace(before, all=not before.all, open=frozenset())
    tick = number(words[0].replace(",", ""), "unfold")
    return replace(before, open=before.open ^ {tick})


class Rows(Sequence[LogRow]):
    """Rows of a log as they were when the picture was made: entries of one branch never
    change, so counts freeze them.

    A row is a run of kept folds. Rows that are open have one for each entry below them."""

    __slots__ = ("_before", "_count", "_found", "_look", "_now", "_opened")

    def __init__(self, found: "Matches", look: LogLook, now: int) -> None:
        self._found, self._look, self._now = found, look, now
        self._count = found.count(now)
        self._opened: list[int] = []
        self._before: list[int] = []
        """Of each open row: its number, and how many rows open ones before it have more."""
        if look.open and not look.all:
            self._open_at(look.open)

    def _open_at(self, ticks: frozenset[int]) -> None:
        more = 0
        for row in sorted(row for tick in ticks for row in self._found.at_tick(tick)):
            entries = self._found.entries(row, self._now) if row < self._count else 0
            if entries > 1:
                self._opened.append(row + more)
                self._before.append(more)
                more += entries

    @property
    def _more(self) -> int:
        if not self._opened:
            return 0
        row = self._opened[-1] - self._before[-1]
        return self._before[-1] + self._found.entries(row, self._now)

    def __len__(self) -> int:
        return self._found.total(self._now) if self._look.all else self._count + self._more

    @overload
    def __getitem__(self, index: int) -> LogRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[LogRow]: ...
    def __getitem__(self, index: int | slice) -> LogRow | list[LogRow]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        found = self._found
        if self._look.all:
            return _single(found.log, found.entry(place))
        open_ = bisect_right(self._opened, place) - 1
        if open_ < 0:
            return found.row(place, self._now)
        row, inside = self._opened[open_] - self._before[open_], place - self._opened[open_]
        if not inside:
            return replace(found.row(row, self._now), open=True)
        entries = found.entries(row, self._now)
        if inside <= entries:
            return replace(_single(found.log, found.entry_of(row, inside - 1)), member=True)
        return found.row(row + inside - entries, self._now)


def _single(log: FoldedLog[Event], place: int) -> LogRow:
    event = log.at(place)
    level = event.detail.level if isinstance(event.detail, Logged) else ""
    return LogRow(
        event.tick, event.virtual_ns, event.cpu, event.kind, event.text, event.tick, level=level
    )


class Matches(Struct):
    """The folds that match one look, as far as the log was looked through, and the rows that
    they make: kept folds that go on with each other where nothing else is kept between."""

    look: LogLook
    log: FoldedLog[Event]
    folds: "array[int]" = field(default_factory=lambda: array("I"))
    rows: "array[int]" = field(default_factory=lambda: array("I"))
    """Of each row the place of its first fold in `folds`."""
    before: "array[int]" = field(default_factory=lambda: array("Q"))
    """Of each kept fold, how many entries are kept before it."""
    searched: int = 0
    """Folds that were looked at."""
    kept: int = 0
    grows: bool = False
    """Whether the newest fold there is was looked at."""

    @property
    def every(self) -> bool:
        """Whether nothing is filtered: every fold is a row."""
        return self.look.is_open

    def view(self, look: LogLook, most: int = SEARCHED_AT_ONCE) -> LogView:
        """Look through some more, and show what there is up to now."""
        log = self.log
        if self.every:
            return LogView(look, Rows(self, look, log.now), log.now, log.now, log.now)
        self._search(most)
        now = log.now
        done = now if self.searched >= log.folds(now) else log.fold(self.searched)[0]
        return LogView(look, Rows(self, look, done), self.total(done), now, done)

    def _search(self, most: int) -> None:
        log, look = self.log, self.look
        self._forget_newest()
        cost = WORDS_COST if look.text and isinstance(log, ExitLog) else 1
        end = min(log.folds(log.now), self.searched + max(most // cost, 1))
        for fold in range(self.searched, end):
            self._keep(fold, *log.fold(fold))
        self.searched = max(self.searched, end)
        self.grows = self.searched == log.folds(len(log.known))

    def _forget_newest(self) -> None:
        """The newest fold may have grown since it was looked at."""
        if not self.grows or not self.searched:
            return
        self.searched -= 1
        if self.folds and self.folds[-1] == self.searched:
            self.folds.pop()
            self.kept = self.before.pop()
            if self.rows[-1] == len(self.folds):
                self.rows.pop()

    def _keep(self, fold: int, first: int, last: int) -> None:
        if not self.look.keeps(self._text(first, last)):
            return
        joins = bool(self.folds) and self.log.joins(self.log.fold(self.folds[-1])[1] - 1, first)
        if not joins:
            self.rows.append(len(self.folds))
        self.folds.append(fold)
        self.before.append(self.kept)
        self.kept += last - first

    def _text(self, first: int, last: int) -> Event:
        """What a fold is held against the filter as."""
        event = self.log.at(first)
        words = _line(self.log, ((first, last),))
        return event if not words else replace(event, text=words)

    # -- rows ---------------------------------------------------------------------------

    def count(self, now: int) -> int:
        """Rows that begin among the first `now` entries of the log."""
        if self.every:
            return self.log.folds(now)
        return bisect_left(self.rows, self._kept_folds(now))

    def total(self, now: int) -> int:
        """Entries of all rows."""
        if self.every:
            return now
        kept = self._kept_folds(now)
        if not kept:
            return 0
        first, last = self.log.fold(self.folds[kept - 1])
        return self.before[kept - 1] + min(last, now) - first

    def _kept_folds(self, now: int) -> int:
        return bisect_left(self.folds, self.log.folds(now))

    def _places(self, row: int, now: int) -> range:
        """The places in `folds` of a row's folds."""
        end = self.rows[row + 1] if row + 1 < len(self.rows) else len(self.folds)
        return range(self.rows[row], min(end, self._kept_folds(now)))

    def _fold(self, place: int, now: int) -> tuple[int, int]:
        """The entries of a kept fold."""
        first, last = self.log.fold(place if self.every else self.folds[place])
        return first, min(last, now)

    def parts(self, row: int, now: int) -> Iterator[tuple[int, int]]:
        """The entries of a row, as stretches of the log."""
        places = (row,) if self.every else self._places(row, now)
        return (self._fold(place, now) for place in places)

    def last(self, row: int, now: int) -> int:
        """The place in the log of a row's last entry."""
        return self._fold(row if self.every else self._places(row, now)[-1], now)[1] - 1

    def entries(self, row: int, now: int) -> int:
        """How many entries a row has."""
        if self.every:
            first, last = self._fold(row, now)
            return last - first
        places = self._places(row, now)
        first, last = self._fold(places[-1], now)
        return self.before[places[-1]] - self.before[places[0]] + last - first

    def entry_of(self, row: int, index: int) -> int:
        """The place in the log of one of a row's entries."""
        if self.every:
            return self.log.fold(row)[0] + index
        return self.entry(self.before[self.rows[row]] + index)

    def entry(self, index: int) -> int:
        """The place in the log of one of all kept entries."""
        if self.every:
            return index
        place = bisect_right(self.before, index) - 1
        return self.log.fold(self.folds[place])[0] + index - self.before[place]

    def row(self, row: int, now: int) -> LogRow:
        """A row in words."""
        single, count = _single(self.log, self.entry_of(row, 0)), self.entries(row, now)
        if count == 1:
            return single
        line = _line(self.log, self.parts(row, now))
        last = self.log.at(self.last(row, now)).tick
        text = line or single.text
        return replace(single, text=text, last_tick=last, count=count, line=bool(line))

    def at_tick(self, tick: int) -> list[int]:
        """The rows whose first entry is of a tick."""
        low, high = 0, self.count(self.log.now)
        while low < high:
            middle = (low + high) // 2
            if self._tick(middle) < tick:
                low = middle + 1
            else:
                high = middle
        found = []
        while low < self.count(self.log.now) and self._tick(low) == tick:
            found.append(low)
            low += 1
        return found

    def _tick(self, row: int) -> int:
        fold = row if self.every else self.folds[self.rows[row]]
        return self.log.at(self.log.fold(fold)[0]).tick


def _line(log: FoldedLog[Event], parts: Iterable[tuple[int, int]]) -> str:
    """The line of text that some exits are; empty where they are none, or a single one."""
    if not isinstance(log, ExitLog):
        return ""
    found: list[LinePart] = []
    for first, last in parts:
        found += log.line_parts(first, min(last, first + LINE_MAX))
        if not found or len(found) >= LINE_MAX:
            break
    return plain(line_words(found[:LINE_MAX])) if len(found) > 1 else ""


def lines(view: LogView) -> tuple[str, ...]:
    """The newest rows as text."""
    rows = tuple(
        f"{row.tick:>11,}  {'-' if row.cpu is None else f'cpu {row.cpu}':8}"
        f"{row.kind:10}{row.words}"
        for row in view.rows[-LINES_MAX:]
    )
    return (*rows, view.told)
