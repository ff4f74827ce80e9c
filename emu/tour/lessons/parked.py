"""The mailbox loop, and what CPUs cost that wait in it."""

from typing import Final

from emu.tour.course import step_of
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene

ENTERED: Final = 73_758, 78
"""Instructions of CPU 0 and of an AP up to where the lesson begins."""
LAP: Final = 7
"""Instructions of the loop."""
FAR: Final = 10_000
"""Instructions of CPU 0, by which the others have waited for a while."""


def _more(seen: Scene, cpu: int) -> int:
    """Instructions since the lesson began."""
    return seen.machine.board.cpus[cpu].ticks - ENTERED[cpu != 0]


def _waiting(seen: Scene) -> bool:
    return all(step_of(seen, cpu) == "parked" for cpu in (1, 2, 3))


def _far(seen: Scene) -> bool:
    return _more(seen, 0) >= FAR and _waiting(seen)


def _done(seen: Scene) -> bool:
    walked = (_more(seen, cpu) for cpu in (1, 2, 3))
    return _far(seen) and any(more >= LAP for more in walked)


LESSON = Lesson(
    "parked",
    done=_done,
    wrong=(
        ("too_far", lambda seen: _more(seen, 0) > 0 and not _waiting(seen)),
        ("not_walked", _far),
        ("boot_cpu", lambda seen: 0 < _more(seen, 0) < FAR and not _more(seen, 1)),
    ),
    opening=Opening(said=("until os-entry",)),
    panel="cpus",
    row="c1",
)
