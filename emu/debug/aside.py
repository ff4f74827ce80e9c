"""Work that goes through the past, in slices: it runs beside its caller, and never at the same
time.

A search runs stretches again from deep inside of whoever asks, so it cannot give back half an
answer. It has a thread of its own instead, which is let go on for a while and then stands still
between two stretches: of the two, one always waits.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from emu.timeline.driver import Driver

T = TypeVar("T")
_ENDLESS: Final = float("inf")


class StoppedAside(BaseException):
    """The work is not wanted any more. No error of a command: nobody on the way handles it."""


class Aside(Generic[T]):
    """One piece of work."""

    def __init__(self, driver: Driver, work: Callable[[], T]) -> None:
        self._driver, self._work = driver, work
        self._ours, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._until = 0.0
        self._stopped = self._done = False
        self._found: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def go_on(self, seconds: float) -> bool:
        """Let it work for about so long; whether it is done."""
        self._until = time.perf_counter() + seconds
        self._driver.breathe = self._breathe
        self._theirs.release()
        self._ours.acquire()
        self._driver.breathe = None
        return self._done

    def result(self) -> T:
        """What it came to, once it is done; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._found[0]

    def stop(self) -> None:
        """Have it leave off; it puts back what it has moved, however long that takes."""
        self._stopped = True
        self.go_on(_ENDLESS)

    def _run(self) -> None:
        self._theirs.acquire()
        try:
            self._found.append(self._work())
        except BaseException as error:  # whatever it is, it is the caller's
            self._error = error
        self._done = True
        self._ours.release()

    def _breathe(self) -> None:
        """Between two stretches: is there time for another?"""
        if time.perf_counter() < self._until:
            return
        self._ours.release()
        self._theirs.acquire()
        if self._stopped:
            raise StoppedAside
