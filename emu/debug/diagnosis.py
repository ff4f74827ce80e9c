"""What exports are made of: a session's branch up to now, with its diagnosis."""

from typing import Final

from emu.debug import report
from emu.debug.desk import Desk
from emu.export.history import BranchHistory, history
from emu.export.stops import Tour

LOOK_SECONDS: Final = 0.1
"""Between two looks at the keys; coming back from the past takes longer with many CPUs."""


class Diagnosis:
    """It grows while stops are gone to; the machine stands where it stood whenever somebody
    else may look."""

    def __init__(self, desk: Desk) -> None:
        self._machine = desk.machine
        self._told = report.of(desk)
        self._tour = Tour(desk.timeline, self._told)

    def some(self, seconds: float = LOOK_SECONDS) -> bool:
        """Go to some more stops; True when that was all."""
        return self._tour.some(seconds)

    @property
    def progress(self) -> str:
        """How far it has come."""
        return f"{len(self._tour.seen):,} of {len(self._tour.chosen):,} stops are read"

    @property
    def history(self) -> BranchHistory:
        """The branch up to where the machine stands, with the stops that were gone to."""
        return history(self._machine, self._told, self._tour.stops)


def whole(desk: Desk) -> BranchHistory:
    """With all stops, at once."""
    found = Diagnosis(desk)
    while not found.some():
        pass
    return found.history
