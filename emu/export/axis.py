"""Virtual time on paper: as it is where some CPU runs, folded where all of them wait."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from emu.export.spans import LaneSpan

WIDTH: Final = 100_000
"""Units of the whole picture."""
FOLDS_SHARE: Final = 4
"""All folds together take one part in so many, at most."""
FOLD: Final = WIDTH // 100
"""Units of one fold, if they are few."""
LONG: Final = 50
"""A wait is folded if it lasts longer than one part in so many of the time in which any CPU
runs."""


class Fold(Struct, frozen=True):
    """A stretch in which no CPU runs."""

    begin_ps: int
    end_ps: int


class Axis:
    """Where a moment is drawn."""

    def __init__(self, spans: Iterable[LaneSpan], end_ps: int) -> None:
        busy = _joined(
            sorted((span.begin_ps, span.end_ps) for span in spans if span.doing == "running")
        )
        edges = [0, *(edge for span in busy for edge in span), max(end_ps, 1)]
        ran = sum(end - begin for begin, end in busy)
        gaps = zip(edges[0::2], edges[1::2], strict=True)
        self.folds = tuple(Fold(*gap) for gap in gaps if gap[1] - gap[0] > ran // LONG)
        fold = min(FOLD, WIDTH // FOLDS_SHARE // max(len(self.folds), 1))
        folded = sum(one.end_ps - one.begin_ps for one in self.folds)
        scale = (WIDTH - fold * len(self.folds)) / max(max(end_ps, 1) - folded, 1)
        self._times, self._places = [0], [0.0]
        for one in self.folds:
            self._add(one.begin_ps, scale * (one.begin_ps - self._times[-1]))
            self._add(one.end_ps, fold)
        self._add(max(end_ps, self._times[-1] + 1), scale * (end_ps - self._times[-1]))

    def _add(self, time_ps: int, units: float) -> None:
        self._times.append(time_ps)
        self._places.append(self._places[-1] + units)

    def at(self, time_ps: int) -> int:
        """Units from the left."""
        place = min(max(bisect_right(self._times, time_ps) - 1, 0), len(self._times) - 2)
        first, last = self._times[place], self._times[place + 1]
        left, right = self._places[place], self._places[place + 1]
        share = (min(time_ps, last) - first) / max(last - first, 1)
        return round(left + (right - left) * share)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order that do not overlap."""
    found: list[tuple[int, int]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found
