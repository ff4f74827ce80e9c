"""What is known of a course of events: it grows, is moved back, and is retraced.

After going back, the entries behind `now` are the known future. Running forward again
writes the same entries once more, because the machine is deterministic.
"""

import pickle
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar, overload

from emu.hw.cpu import Activity

T = TypeVar("T")
CHUNK: Final = 512
"""Entries that are deflated together."""
OPEN_CHUNKS: Final = 8
NOBODY: Final = 0xFFFF
"""Stands for "no CPU yet" among the executing CPUs; there are at most 2,048."""


class Known(Sequence[T]):
    """Everything that a log has ever been told, what lies ahead of `now` too."""

    __slots__ = ("_log",)

    def __init__(self, log: "Log[T]") -> None:
        self._log = log

    def __len__(self) -> int:
        return self._log.known_count

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._log.at(i) for i in range(*index.indices(len(self)))]
        return self._log.at(range(len(self))[index])


class Log(Sequence[T]):
    """A list of which the first `now` entries have happened.

    What is old is kept deflated in chunks, so that a million entries cost some 10 MB; any entry
    is there again in about a millisecond, and its neighbours at once."""

    __slots__ = ("_count", "_open", "_sealed", "_tail", "now")

    def __init__(self) -> None:
        self._sealed: list[bytes] = []
        self._tail: list[Any] = []
        """The entries behind the sealed chunks."""
        self._count = 0
        """Of all entries that are known."""
        self._open: dict[int, list[Any]] = {}
        """Chunks that were read lately."""
        self.now = 0

    @property
    def known(self) -> Sequence[T]:
        """Everything that it has ever been told."""
        return Known(self)  # made anew: in a circle, a log that is dropped would stay for long

    @property
    def known_count(self) -> int:
        """How many entries are known, those ahead of `now` too."""
        return self._count

    def append(self, entry: T) -> None:
        """One more entry has happened; ahead of `now` it is the one that is known already."""
        self.keep(entry)

    def keep(self, entry: Any) -> None:
        """The same for an entry as it is stored."""
        if self.now >= self._count:
            self._count += 1
            tail = self._tail
            tail.append(entry)
            if len(tail) >= 2 * CHUNK:
                self._sealed.append(zlib.compress(pickle.dumps(self._tail[:CHUNK]), 1))
                del self._tail[:CHUNK]
        self.now += 1

    def at(self, index: int) -> T:
        """A known entry, 0 the first."""
        return self._read(self._stored(index))

    def _read(self, stored: Any) -> T:
        """An entry as people get it."""
        entry: T = stored
        return entry

    def _stored(self, index: int) -> Any:
        chunk, place = divmod(index, CHUNK)
        if chunk >= len(self._sealed):
            return self._tail[index - len(self._sealed) * CHUNK]
        found = self._open.get(chunk)
        if found is None:
            if len(self._open) >= OPEN_CHUNKS:
                self._open.pop(next(iter(self._open)))
            found = self._open[chunk] = pickle.loads(zlib.decompress(self._sealed[chunk]))
        return found[place]

    def copy(self) -> Self:
        """What has happened, without the known future."""
        other = type(self)()
        whole = min(self.now // CHUNK, len(self._sealed))
        other._sealed = self._sealed[:whole]
        other._tail = [self._stored(index) for index in range(whole * CHUNK, self.now)]
        other.now = other._count = self.now
        return other

    def __len__(self) -> int:
        return self.now

    def __iter__(self) -> Iterator[T]:
        for index in range(self.now):
            yield self.at(index)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self.at(i) for i in range(*index.indices(self.now))]
        return self.at(range(self.now)[index])


class Run(NamedTuple):
    """Ticks that one CPU executed in a row: those after `first`, up to and with `last`."""

    cpu: int
    first: int
    last: int
    begin_ps: int
    """The CPU's clock at the beginning."""


class Turn(NamedTuple):
    """A CPU began to do something else."""

    tick: int
    cpu: int
    activity: Activity
    clock_ps: int


WakeCause = Literal[
    "started", "interrupted", "timer", "memory", "monitored", "clock", "buffer", "stepped",
    "disturbed", "delayed",
]  # fmt: skip
"""`memory`: what its loop reads is another one now; `monitored`: somebody stored to the line
for which it waits by MWAIT; `clock`: its loop has ended by it;
`buffer`: its store buffer drains; `disturbed`: what its loop relies on was changed from
outside; `delayed`: the host gave it no time."""


class Woken(NamedTuple):
    """A CPU goes on at another moment of its clock than that at which it stopped. Beside
    instructions and the prices of exits, nothing else moves a clock."""

    tick: int
    cpu: int
    by: int | None
    """The CPU whose doing it was; None for the host, the clock, and people."""
    why: WakeCause
    from_ps: int
    to_ps: int
    cause_ps: int
    """The clock of `by` at what it did; where nobody did it, `to_ps`."""


class Lanes:
    """Who executed when, run-length coded; 18 bytes for each run."""

    __slots__ = ("_begin_ps", "_cpus", "_starts", "count", "cpu")

    def __init__(self) -> None:
        self._starts = array("Q")
        self._cpus = array("H")
        self._begin_ps = array("Q")
        self.count = 0
        self.cpu = NOBODY
        """Who executes now."""

    def begin(self, cpu: int, tick: int, clock_ps: int) -> None:
        """Another CPU executes from the next instruction on."""
        place = self.count
        if place < len(self._starts):
            self._starts[place], self._cpus[place] = tick, cpu
            self._begin_ps[place] = clock_ps
        else:
            self._starts.append(tick)
            self._cpus.append(cpu)
            self._begin_ps.append(clock_ps)
        self.count += 1
        self.cpu = cpu

    def back_to(self, count: int) -> None:
        """The runs from `count` on are the known future again."""
        self.count = count
        self.cpu = self._cpus[count - 1] if count else NOBODY

    def copy(self) -> "Lanes":
        """What has happened, without the known future."""
        other = Lanes()
        other._starts = self._starts[: self.count]
        other._cpus = self._cpus[: self.count]
        other._begin_ps = self._begin_ps[: self.count]
        other.back_to(self.count)
        return other

    def cpu_at(self, tick: int) -> int | None:
        """The CPU that executes the instruction which ends at a tick (1 is the first)."""
        place = bisect_left(self._starts, tick) - 1
        return self._cpus[place] if place >= 0 else None

    def runs(self, first: int, last: int) -> Iterator[Run]:
        """All known runs that touch the ticks after `first` up to `last`, cut to them."""
        place = max(bisect_right(self._starts, first) - 1, 0)
        while place < len(self._starts) and self._starts[place] < last:
            yield self._run(place, first, last)
            place += 1

    def runs_count(self, first: int, last: int) -> int:
        """How many runs `runs` would find."""
        place = max(bisect_right(self._starts, first) - 1, 0)
        return max(bisect_left(self._starts, last) - place, 0)

    def cpus_at(self, ticks: Iterable[int]) -> list[int]:
        """The CPUs that execute the instructions which end at these ticks, each of them after
        power-on."""
        starts, cpus = self._starts, self._cpus
        return [cpus[bisect_left(starts, tick) - 1] for tick in ticks]

    def backwards(self, cpu: int, last: int) -> Iterator[Run]:
        """The known runs of one CPU up to a tick, newest first."""
        place = bisect_left(self._starts, last) - 1
        while place >= 0:
            if self._cpus[place] == cpu:
                yield self._run(place, 0, last)
            place -= 1

    def _run(self, place: int, first: int, last: int) -> Run:
        after = place + 1
        end = min(self._starts[after], last) if after < len(self._starts) else last
        begin = max(self._starts[place], first)
        return Run(self._cpus[place], begin, end, self._begin_ps[place])
