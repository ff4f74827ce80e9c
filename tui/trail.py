"""The findings of a branch as far as it was ever seen: going back to one shows fewer, and the
next one must still be known."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from emu.picture.view import FindingView, MachineView

_GOES_ON: Final = (None, "stopped")
"""Outcomes of a boot that is not over."""


def told(rows: Iterable[FindingView]) -> tuple[FindingView, ...]:
    """Every finding with its consequences right behind it, as the panel lists them."""
    return tuple(one for row in rows for one in (row, *row.consequences))


def is_over(view: MachineView) -> bool:
    """Whether a boot has come to its end, and the machine stands there."""
    return view.outcome not in _GOES_ON and view.tick >= view.timeline.end


def has_failed(view: MachineView) -> bool:
    """Whether a boot is over, and something is to be told of it: it did not come up, or it
    broke a rule that counts as an error."""
    found = view.findings
    return is_over(view) and bool(found.rows) and (
        bool(found.errors) or (view.outcome != "booted" and bool(found.counting))
    )  # fmt: skip


class Trail(Struct):
    """What was found, and where on it somebody is."""

    rows: tuple[FindingView, ...] = ()
    at: int = -1
    """The one that was gone to last; -1: none was."""
    _branch: str = ""
    _tick: int = 0
    _opened: set[tuple[str, int]] = field(default_factory=set)

    def note(self, view: MachineView) -> None:
        """A picture is shown; the furthest one of a branch knows most."""
        branch = view.timeline.branch
        if branch != self._branch:
            self._branch, self._tick, self.rows, self.at = branch, 0, (), -1
        if view.tick >= self._tick:
            self._tick, self.rows = view.tick, told(view.findings.rows)

    def opens(self, view: MachineView) -> bool:
        """Whether this is the first time that the end of a failed boot is seen; from then on it
        is not."""
        end = view.timeline.branch, view.tick
        if end in self._opened or not has_failed(view):
            return False
        self._opened.add(end)
        return True

    def step(self, view: MachineView, step: int) -> FindingView | None:
        """The next finding, or the one before, round the ends; the first or the last from where
        none was gone to. None: there is none."""
        count = len(self.rows)
        if not count:
            return None
        if not (0 <= self.at < count and _is_at(self.rows[self.at], view)):
            self.at = self._place(view, -1 if step > 0 else count)
        self.at = (self.at + step) % count
        return self.rows[self.at]

    def _place(self, view: MachineView, elsewhere: int) -> int:
        """The finding at whose moment the machine stands; its end is nobody's."""
        if is_over(view):
            return elsewhere
        return next((at for at, one in enumerate(self.rows) if _is_at(one, view)), elsewhere)


def _is_at(one: FindingView, view: MachineView) -> bool:
    return one.tick == view.tick and one.cpu in (None, view.focus)
