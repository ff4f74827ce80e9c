"""One course of events: entries, checkpoints, and everything that is known to have happened."""

from bisect import bisect_right

from msgspec import Struct, field

from emu.machine.logs import Logs
from emu.machine.pause import Pause
from emu.timeline.checkpoint import Checkpoint
from emu.timeline.moment import START, Entry, Moment


class Mark(Struct, frozen=True):
    """A moment that a person has given a name, and the CPU that was looked at there."""

    at: Moment
    cpu: int | None = None


class Branch(Struct, eq=False):
    """A branch of the timeline from power-on to the furthest moment it was run to."""

    name: str
    entries: list[Entry]
    points: list[Checkpoint]
    """Ascending; the first is power-on."""
    logs: Logs
    parent: str = ""
    fork: Moment = START
    """Where it left its parent."""
    end: Moment = START
    last: Pause = Pause.BUDGET
    """Why it cannot be run beyond its end: OUTCOME or HUNG; BUDGET if it can."""
    marks: dict[str, Mark] = field(default_factory=dict)

    def before(self, moment: Moment) -> int:
        """Index of the newest checkpoint that is not after a moment."""
        return bisect_right(self.points, moment, key=lambda point: point.moment) - 1
