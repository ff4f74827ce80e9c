"""The way back: where somebody was before an answer, or another CPU, came to be looked at."""

from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tui.arranging import Arranging
from tui.desk import Desk
from tui.scrolled import Kept

LEVELS_MAX: Final = 100


class Stand(Struct, frozen=True):
    """Where somebody looks: the panel with the keys, its rows, its cursor, and the CPU."""

    panel: str
    scrolled: Kept
    cursor: str
    cpu: int

    def is_at(self, other: "Stand") -> bool:
        """Whether this is the same panel of the same CPU, wherever it is scrolled to."""
        return (self.panel, self.cpu) == (other.panel, other.cpu)


class Way(Struct):
    """The places that were left, the newest last."""

    desk: Desk
    arranging: Arranging
    _left: list[Stand] = field(default_factory=list)

    def here(self) -> Stand:
        """Where we are."""
        frame = self.desk.frames.current
        return Stand(frame.panel.id, frame.scrolled, frame.cursor, self.desk.seen.focus)

    def came_from(self, before: Stand) -> None:
        """A command has been carried out: remember where it was given, if we are elsewhere."""
        if not before.is_at(self.here()):
            self._left = [*self._left[-LEVELS_MAX + 1 :], before]

    def was_at(self, cpu: int) -> None:
        """A run is over that began with another CPU; whatever else was gone to meanwhile is
        remembered already."""
        here = self.here()
        self.came_from(replace(here, cpu=cpu))

    def forget(self) -> None:
        """Another machine is shown: there is nowhere to go back to."""
        self._left = []

    def back(self) -> None:
        """Be again where we were, not when: the machine stays where it is."""
        here = self.here()
        while self._left and self._left[-1].is_at(here):
            self._left.pop()
        if not self._left:
            self.desk.say("this is where you began: there is nothing to go back to", "dim")
            return
        there = self._left.pop()
        if there.cpu != here.cpu:
            self.desk.session.picture(there.cpu)
        self.arranging.show_panel(there.panel)
        self.desk.show(anew=True)
        self.desk.frames.current.scroll_back(there.scrolled, there.cursor)
        self.desk.say("")
