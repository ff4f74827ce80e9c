"""The timeline's columns: which ticks and which cells each stands for, in any width."""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

from msgspec import Struct

from emu.picture.view import TimelineView

FOLD_CELLS_MIN: Final = 2
"""Columns of a fold whose length has no room."""
AIR: Final = 4
"""Columns of a fold beside its length."""
NARROW: Final = 16
"""With fewer columns a fold has one."""

TWO_DIGITS: Final = 10
"""From so many of a unit on there is no digit behind the point."""


class Column(Struct, frozen=True):
    """One column: the cells that it merges, and the tick that it begins with."""

    cells: range
    tick: int
    fold: int | None = None
    """The number of the fold that it is part of."""


class Axis(Struct, frozen=True):
    """All columns; neither their ticks nor their cells ever go back."""

    columns: tuple[Column, ...]
    ticks: tuple[int, ...]
    """Of each column the tick that it goes to: its first, but the last that is shown."""
    starts: tuple[int, ...]
    """Of each column the first tick."""

    def column_of(self, tick: int) -> int | None:
        """The column that a tick lies in; None outside the window."""
        if not self.starts[0] <= tick <= self.ticks[-1]:
            return None
        return bisect_right(self.starts, tick) - 1

    def scrubbed(self, tick: int, step: int) -> int:
        """The next tick, in a direction, with which a column begins or the window ends; beyond
        them one tick further."""
        if step < 0:
            at = bisect_left(self.starts, tick) - 1
            return self.starts[at] if at >= 0 else tick - 1
        at = bisect_right(self.ticks, tick)
        return self.ticks[at] if at < len(self.ticks) else tick + 1


def told(ns: int) -> str:
    """How long a fold is, in two digits: `1.9 ms`."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if ns >= size:
            return f"{ns / size:.{int(ns < TWO_DIGITS * size)}f} {unit}"
    return f"{ns} ns"


def axis(time: TimelineView, count: int) -> Axis:
    """The columns of a window. Each piece between two folds has one at least, so that whatever
    comes to pass there is seen and can be gone to."""
    widths = _fold_widths(time, count)
    pieces = _pieces(time)
    rooms = _rooms([len(piece) for piece in pieces], count - sum(widths))
    columns: list[Column] = []
    for number, (piece, room) in enumerate(zip(pieces, rooms, strict=True)):
        columns += _columns(time, piece, room, None)
        if number < len(widths):
            cell = time.folds[number][0]
            columns += _columns(time, range(cell, cell + 1), widths[number], number)
    columns = columns[:count]
    starts = tuple(column.tick for column in columns)
    return Axis(tuple(columns), (*starts[:-1], time.edges[-1]), starts)


def _pieces(time: TimelineView) -> list[range]:
    """The cells between the folds."""
    ends = [-1, *(cell for cell, _ in time.folds), len(time.edges) - 1]
    return [range(begin + 1, end) for begin, end in pairwise(ends)]


def _fold_widths(time: TimelineView, count: int) -> list[int]:
    """Columns of each fold: the longest ones say their length while half of the columns are
    left for what is not folded."""
    least = FOLD_CELLS_MIN if count >= NARROW * max(len(time.folds), 1) // 2 else 1
    widths = [least] * len(time.folds)
    for number in sorted(range(len(widths)), key=lambda one: -time.folds[one][1]):
        wanted = len(told(time.folds[number][1])) + AIR
        if sum(widths) - widths[number] + wanted > count // 2:
            break
        widths[number] = wanted
    return widths


def _rooms(cells: list[int], room: int) -> list[int]:
    """So many columns dealt out to pieces by their cells, one to each at least."""
    left, of = max(room - len(cells), 0), max(sum(cells), 1)
    ends = [left * sum(cells[: number + 1]) // of for number in range(len(cells))]
    return [1 + end - before for before, end in zip([0, *ends], ends, strict=False)]


def _columns(time: TimelineView, cells: range, count: int, fold: int | None) -> list[Column]:
    """So many columns of some cells."""
    found = []
    for column in range(count):
        cell, part = divmod(column * len(cells), count)
        cell += cells.start
        end = cells.start + (column + 1) * len(cells) // count
        begin, last = time.edges[cell], time.edges[cell + 1]
        tick = begin + (last - begin) * part // count
        found.append(Column(range(cell, max(end, cell + 1)), tick, fold))
    return found
