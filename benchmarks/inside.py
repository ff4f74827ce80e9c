"""The few places where a measurement looks behind the door; all of them are here."""

import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import PurePath
from types import FrameType
from typing import Any, Final

from emu import Session

WALKERS: Final = {"paging.py": ("walk", "translate"), "nested_walk.py": ("walk_nested",)}
"""File of `emu/hw` -> its functions that walk tables in Python."""


def page_walks(work: Callable[[], object]) -> int:
    """How often tables are walked in Python while something is done."""
    count = 0
    walkers = {(file, name) for file, names in WALKERS.items() for name in names}

    def called(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        code = frame.f_code
        if event == "call" and (PurePath(code.co_filename).name, code.co_name) in walkers:
            count += 1

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


class CheckpointClock:
    """What each checkpoint of a session takes from now on: processor time of one, memory of
    the next, since looking at memory slows down."""

    def __init__(self, session: Session) -> None:
        self.seconds: list[float] = []
        self.bytes: list[int] = []
        self._weigh = False
        timeline: Any = session.timeline
        self._take = timeline._take
        timeline._take = self._timed

    def _timed(self) -> None:
        self._weigh = not self._weigh
        if self._weigh:
            tracemalloc.start()
            self._take()
            self.bytes.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
        else:
            began = time.process_time()
            self._take()
            self.seconds.append(time.process_time() - began)


def borders(session: Session) -> list[int]:
    """The ticks of the checkpoints of a session's branch."""
    timeline: Any = session.timeline
    return [point.moment.tick for point in timeline.branch.points]


def restore(session: Session) -> tuple[Callable[[], object], int]:
    """What puts the checkpoint before this moment back, and how many pages that restores."""
    timeline: Any = session.timeline
    point = timeline.branch.points[timeline.branch.before(timeline.now)]
    return (lambda: timeline.goto(point.moment)), len(_part(session, "undo").images)


def exits(session: Session) -> int:
    """How often the guest has left, so far."""
    return sum(_part(session, "exit_counts").values())


def _part(session: Session, name: str) -> Any:
    """Something of the machine, wherever this product keeps it."""
    machine: Any = session.machine
    return getattr(machine, name) if hasattr(machine, name) else getattr(machine.board, name)
