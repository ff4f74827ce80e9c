"""Logs that know where their entries begin to differ: equal ones in a row are one fold, and so
are the bytes of a line of text on their way to a serial port.

The log keeps every entry; a fold is the number of its first one, noted when that is logged. So
whoever shows the log does not have to read it to know its folds.
"""

from array import array
from bisect import bisect_left
from typing import Any, Final, Self, TypeVar

from emu.machine.log import Log

T = TypeVar("T")
FOLD_MAX: Final = 1 << 20
"""Entries that are folded at most."""


class FoldedLog(Log[T]):
    """A log with its folds."""

    __slots__ = ("_starts",)

    def __init__(self) -> None:
        super().__init__()
        self._starts = array("I")
        """Of each fold the number of its first entry, of those ahead of `now` too."""

    def keep(self, entry: Any) -> None:
        """One more entry, as it is stored."""
        if self.now >= self._count:
            starts, count = self._starts, self._count
            if not count or not self._goes_on(self._last(), entry) or self._is_full():
                starts.append(count)
        super().keep(entry)

    def _last(self) -> Any:
        return self._tail[-1] if self._tail else self._stored(self._count - 1)

    def _is_full(self) -> bool:
        return self._count - self._starts[-1] >= FOLD_MAX

    def _goes_on(self, before: Any, entry: Any) -> bool:
        """Whether an entry is the same as the one before it."""
        raise NotImplementedError

    def joins(self, index: int, other: int) -> bool:
        """Whether an entry goes on with an earlier one, if nothing is shown between them."""
        return self._goes_on(self._stored(index), self._stored(other))

    def copy(self) -> Self:
        """What has happened, without the known future."""
        other = super().copy()
        other._starts = self._starts[: self.folds(self.now)]
        return other

    def folds(self, now: int) -> int:
        """How many folds there are among the first `now` entries."""
        return bisect_left(self._starts, now)

    def fold(self, index: int) -> tuple[int, int]:
        """The first entry of a fold, and the one behind its last, of those that are known."""
        starts = self._starts
        end = starts[index + 1] if index + 1 < len(starts) else self._count
        return starts[index], end
