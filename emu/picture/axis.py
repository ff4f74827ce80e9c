"""The axis of the timeline: cells over a window of ticks. A stretch where nothing comes to pass
is one cell, so that what does happen has the room."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from heapq import nlargest
from typing import Final, NamedTuple

from msgspec import Struct, field

CELLS: Final = 240
"""Cells of what is not folded, whatever the screen: a panel merges them."""
FOLDS_MAX: Final = 6
"""Stretches that one window folds, those that take most of it."""
FOLDED_FROM: Final = 32
"""A stretch is folded that takes at least this part of the window's ticks, or of all time."""
QUIET_TICKS: Final = 500
QUIET_NS: Final = 5_000
"""A shorter stretch is not noted."""


class Stretch(NamedTuple):
    """Ticks of a window in which nothing comes to pass, and how long they take."""

    first: int
    last: int
    ns: int


class Quiet(Struct):
    """Where, in the whole known course, nothing came to pass for long. What comes to pass is
    told in the order of time."""

    _firsts: "array[int]" = field(default_factory=lambda: array("Q"))
    _lasts: "array[int]" = field(default_factory=lambda: array("Q"))
    _ns: "array[int]" = field(default_factory=lambda: array("Q"))
    _tick: int = 0
    """The last moment that was told."""
    now_ns: int = 0
    """When that was."""
    _end_ns: int = 0
    """The latest time at which somebody looked."""

    def moment(self, tick: int, ns: int) -> None:
        """Something happens; clocks of CPUs differ a little, so time may stand still here."""
        passed = max(ns - self.now_ns, 0)
        if tick - self._tick > QUIET_TICKS or passed > QUIET_NS:
            self._firsts.append(self._tick + 1)
            self._lasts.append(max(tick, self._tick + 1))
            self._ns.append(passed)
        self._tick = max(tick, self._tick)
        self.now_ns += passed

    def folded(self, first: int, last: int, now_ns: int) -> list[Stretch]:
        """What a window folds, in the order of time; `now_ns`: the machine's time, up to which
        nothing has come to pass since the last moment that was told. Who looks at nothing but
        a part of a stretch sees that."""
        self._end_ns = max(self._end_ns, now_ns, self.now_ns)
        low, high = bisect_left(self._lasts, first), bisect_left(self._firsts, last)
        ticks, ns = last - first, max(self._end_ns, 1)
        stretches = zip(
            range(low, high), self._firsts[low:high], self._lasts[low:high], self._ns[low:high],
            strict=True,
        )  # fmt: skip
        found = [
            self._cut(place, first, last) for place, begin, end, took in stretches
            if (end - begin) * FOLDED_FROM >= ticks or took * FOLDED_FROM >= ns  # uncut
        ]  # fmt: skip
        if self._tick + 1 < last:
            begin = max(self._tick + 1, first)
            found.append(Stretch(begin, last, self._end_ns - self.now_ns))

        def share(one: Stretch) -> float:
            return max((one.last - one.first) / ticks, one.ns / ns)

        whole = first, last
        long = [
            one for one in found if share(one) * FOLDED_FROM >= 1 and one[:2] != whole
        ]  # fmt: skip
        return sorted(nlargest(FOLDS_MAX, long, key=share))

    def _cut(self, place: int, first: int, last: int) -> Stretch:
        """A stretch as far as it lies in a window; its time is that part of all of it."""
        begin, end = self._firsts[place], self._lasts[place]
        ticks = end - begin
        cut_first, cut_last = max(begin, first), min(end, last)
        ns = self._ns[place] * (cut_last - cut_first) // ticks if ticks else self._ns[place]
        return Stretch(cut_first, cut_last, ns)


def axis(
    first: int, last: int, folds: Iterable[Stretch]
) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """The edges of the cells from `first` to `last`, in order; and of each fold the number of
    its cell and how many nanoseconds it takes. What is not folded has CELLS cells, but each
    piece of it one at least, and none has less than a tick if it can be helped."""
    every = list(folds)
    ends = [first, *(tick for one in every for tick in (one.first, one.last)), last]
    pieces = [(begin, end) for begin, end in zip(ends[::2], ends[1::2], strict=True)]
    ticks = max(sum(end - begin for begin, end in pieces), 1)
    edges: list[int] = []
    told: list[tuple[int, int]] = []
    for number, (begin, end) in enumerate(pieces):
        cells = max(min((end - begin) * CELLS // ticks, end - begin), 1)
        edges += [begin + (end - begin) * cell // cells for cell in range(cells)]
        if number < len(every):
            told.append((len(edges), every[number].ns))
            edges.append(end)
    edges.append(last)
    return edges, tuple(told)
