"""A sign of life of a run without a screen, on stderr: stdout is the report's."""

from collections.abc import Callable
from typing import Final

from emu import Session
from emu.debug.alive import alive_words
from tui.printing import complain

EVERY_SECONDS: Final = 10.0


class Alive:
    """Says from time to time that it goes on, and where it is; `clock` in seconds."""

    def __init__(self, session: Session, clock: Callable[[], float]) -> None:
        self._session, self._clock = session, clock
        self._next = clock() + EVERY_SECONDS

    def look(self) -> None:
        """Between two stretches."""
        now = self._clock()
        if now >= self._next:
            self._next = now + EVERY_SECONDS
            complain(alive_words(self._session.machine))
