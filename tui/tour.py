"""The tour on the screen: its key, its words, and the offer of it on the first start."""

from collections.abc import Callable
from typing import Protocol

from tui.arranging import Arranging
from tui.desk import Desk
from tui.tour_start import TourStart
from tui.way import Way


class Lessons(Protocol):
    """The tour that somebody has opened (`tui.tour_lessons.TourLessons` is one)."""

    def word(self, rest: str) -> None:
        """What stands behind `tour`; raises CommandError."""

    def turn(self) -> None:
        """The next way to look at it."""

    def hint(self) -> None:
        """A further hint."""

    def takes(self, action: str) -> bool:
        """Whether a key is the tour's now, and has been carried out."""

    def look(self) -> None:
        """Something was done: look whether the lesson is."""

    def put_back(self) -> None:
        """The session from before the tour is the screen's again."""


class Touring:
    """Loads the lessons when somebody wants them."""

    def __init__(self, desk: Desk, arranging: Arranging, way: Way) -> None:
        self._desk = desk
        self._lessons: Lessons | None = None
        self._make: Callable[[], Lessons] = lambda: _opened(desk, arranging, way)
        self._arranging = arranging
        self._offering = False

    def begin(self, start: TourStart) -> None:
        """What is asked for on the command line, or the offer."""
        if start.offered:
            self._offer()
        elif start.lesson is not None:
            if start.bare:
                self._open().word("bare")
            self.word(start.lesson or "next")

    def word(self, rest: str) -> None:
        """What stands behind `tour` at the prompt; raises CommandError."""
        self._open().word(rest)

    def turn(self) -> None:
        """All of the lesson, the list of lessons, one row, and the lesson again."""
        self._open().turn()

    def hint(self) -> None:
        """A further hint of the lesson."""
        self._open().hint()

    def takes(self, action: str) -> bool:
        """Whether a key is the tour's now, and has been carried out."""
        if self._offering:
            self._end_offer()
            if action == "repeat":
                self.word("next")
                return True
        return self._lessons is not None and self._lessons.takes(action)

    def look(self) -> None:
        """Something was done: look whether the lesson is."""
        if self._lessons is not None:
            self._lessons.look()

    def put_back(self) -> None:
        """The session from before the tour is the screen's again."""
        if self._lessons is not None:
            self._lessons.put_back()

    def _open(self) -> Lessons:
        if self._lessons is None:
            self._lessons = self._make()
        return self._lessons

    def _offer(self) -> None:
        from tui.tour_lessons import offer  # most screens begin without it

        self._offering = True
        self._desk.strip.shape = "strip"
        self._desk.strip.tell(offer())
        self._arranging.again()

    def _end_offer(self) -> None:
        self._offering = False
        self._desk.strip.shape = "closed"
        self._arranging.again()


def _opened(desk: Desk, arranging: Arranging, way: Way) -> Lessons:
    from tui.tour_lessons import TourLessons

    return TourLessons(desk, arranging, way)
