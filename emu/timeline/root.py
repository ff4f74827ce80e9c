"""One state of a machine from which many courses are run, each put back behind it.

No branch, entry or checkpoint is made. A course writes logs of its own, which `back` drops, so
that what is known of the machine's branch stays as it is, and nothing is copied.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from emu.machine import snapshot
from emu.machine.log import Log
from emu.machine.logs import Logs
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.mailbox.observation import Observation
from emu.timeline.chooser import Choice, Chooser
from emu.timeline.driver import Driver, quietly
from emu.timeline.moment import Moment
from emu.timeline.schedule import SavedSchedule
from emu.timeline.timeline import Timeline


class Ran(Struct, frozen=True):
    """Where a course ended; the machine stands there until it is put back."""

    pause: Pause
    """OUTCOME or HUNG: nothing more happens; BUDGET: the tick was reached."""
    end: Moment
    choices: tuple[Choice, ...]
    """With `Replay` they lead here again."""
    observed: Log[Observation]
    """What the rules look at, from the root on."""


class Root:
    """A machine as it stands, its undo log's interval beginning here."""

    def __init__(self, machine: Machine, schedule: SavedSchedule | None = None) -> None:
        self.machine = machine
        self._driver = Driver(machine)
        if schedule is not None:
            self._driver.schedule.load(schedule)
        self._driver.schedule.by_hand = None
        self._schedule = self._driver.schedule.save()
        machine.board.undo.cut()
        machine.board.logs = Logs()
        self._start = snapshot.take(machine, None)
        self._left = False
        """Whether the machine may stand elsewhere."""

    @property
    def held(self) -> frozenset[int]:
        """The CPUs that do not run in any course."""
        return self._driver.schedule.held

    def run(self, chooser: Chooser, tick: int) -> Ran:
        """Another course from here to its end, or to a tick at the latest."""
        if self._left:
            self.back()
        self._left = True
        schedule = self._driver.schedule
        schedule.follow(chooser)
        noted: list[Choice] = []
        schedule.noted = noted
        with quietly(self.machine.board):
            pause = self._driver.drive(Moment(tick))
        return Ran(
            pause, self._driver.now, tuple(noted), self.machine.board.logs.observed
        )  # fmt: skip

    def back(self) -> None:
        """The machine is at the root again, and its logs are empty."""
        board = self.machine.board
        pages = set(board.undo.revert())
        board.logs = Logs()
        snapshot.put_back(self.machine, self._start, pages)
        self._driver.schedule.load(self._schedule)
        self._left = False


@contextmanager
def root_at(timeline: Timeline) -> Iterator[Root]:
    """A root where the machine stands on its timeline; afterwards it stands there again, to the
    bit, and knows of its branch what it knew."""
    board, here = timeline.machine.board, timeline.now
    _ = timeline.end  # known before we leave it
    logs, changed = board.logs, board.undo.cut()
    root = Root(timeline.machine, timeline.driver.schedule.save())
    try:
        yield root
    finally:
        # From the checkpoint before, and not from the root's own snapshot: that one may have
        # been taken within a slice, where going on is another thing than beginning one.
        board.undo.images = {**board.undo.images, **changed}
        board.logs = logs
        timeline.return_to(here)
