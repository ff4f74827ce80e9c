"""Runs a machine along a branch: free, by hand, and with every entry at its moment.

It knows nothing of going back. Whoever wants to see the places between two slices, where
checkpoints are taken, sets `between`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from emu.machine.board import WORK_OF_AN_ENTRY, Board
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.timeline import entry as acts
from emu.timeline.moment import Entry, Moment
from emu.timeline.schedule import Schedule

STRETCH_TICKS: Final = 200_000
"""Instructions between two looks at the host's clock: 5 to 10 ms."""
PROBED_TICKS: Final = 4_000
"""The same where each instruction is looked at: 10 to 30 ms."""
STRETCH_STEPS: Final = 2_000
"""The same for steps by hand: about 20 ms."""


class Driver:
    """One machine, its schedule, and the entries of the branch that it is on."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.schedule = Schedule(machine)
        self.entries: list[Entry] = []
        self.done = 0
        """Entries that have been carried out."""
        self.breathe: Callable[[], None] | None = None
        """Is called between two stretches on the way to a moment, and may raise: the machine
        stands somewhere on the way then."""
        self.between: Callable[[], int] | None = None
        """Is called between two slices or steps; says how many steps there may be, at least 1,
        before it must be called again."""

    def look_up(self) -> None:
        """Whoever waits for what takes long may look at something else meanwhile; may raise."""
        if self.breathe is not None:
            self.breathe()

    @property
    def now(self) -> Moment:
        """Where the machine stands."""
        return Moment(self.machine.board.tick, self.machine.board.beat, self.done)

    def reached(self, goal: Moment) -> bool:
        """Whether the machine stands at or after a moment."""
        tick, beat, entries = goal
        machine = self.machine
        return (
            machine.board.tick >= tick and machine.board.beat >= beat and self.done >= entries
        )

    @property
    def final(self) -> bool:
        """Whether the guest has ended, one way or another."""
        return self.machine.board.powered_off or bool(self.machine.board.crash)

    @property
    def due(self) -> bool:
        """Whether the next entry of the branch is to be carried out here."""
        if self.done >= len(self.entries):
            return False
        entry = self.entries[self.done]
        return self.machine.board.tick >= entry.tick and self.machine.board.beat >= entry.beat

    def enter(self, text: str) -> None:
        """Carry out a new entry, now; raises CommandError, and then nothing has changed."""
        entry = Entry(self.machine.board.tick, self.machine.board.beat, text)
        acts.carry_out(self.machine, self.schedule, text)
        self.entries.append(entry)
        self.done += 1

    def at_border(self) -> int:
        """The machine stands between two slices or steps: there may be a checkpoint here. How
        many steps there may be up to where there may be another."""
        return STRETCH_STEPS if self.between is None else self.between()

    def stretch(self, goal: Moment) -> Pause:
        """Carry the machine on towards a moment, as far as one look allows. BUDGET: it
        is there. SLICE: there is more to do. OUTCOME, HUNG: nothing more happens by itself,
        and nothing was entered here."""
        if self.schedule.slice is None:
            self.at_border()
        if self.reached(goal):
            return Pause.BUDGET
        if self.due:
            acts.carry_out(self.machine, self.schedule, self.entries[self.done].text)
            self.done += 1
            return Pause.SLICE
        near = self._near(goal)
        index = self.schedule.by_hand
        pause = self._free(near) if index is None else self._by_hand(index, near)
        if pause is Pause.BUDGET:
            return pause if self.reached(goal) else Pause.SLICE
        return Pause.SLICE if self.due and pause is not Pause.BREAKPOINT else pause

    def _near(self, goal: Moment) -> Moment:
        """The moment itself, or that of the next entry if it comes first."""
        if self.done >= len(self.entries):
            return goal
        entry = self.entries[self.done]
        place = Moment(entry.tick, entry.beat, self.done)
        return goal if goal.reached_at(place) else place

    def _free(self, goal: Moment) -> Pause:
        machine, schedule = self.machine, self.schedule
        if self.final:
            return Pause.OUTCOME
        current = schedule.slice or schedule.next()
        if current is None:
            return Pause.HUNG
        whole = min(goal.tick, machine.board.tick + STRETCH_TICKS)
        most = PROBED_TICKS if machine.board.probes else STRETCH_TICKS
        limit = min(whole, machine.board.tick + most)
        beat = goal.beat if limit == goal.tick else 0
        pause = machine.run(machine.board.cpus[current.cpu], current.until_ps, limit, beat)
        if limit < whole and pause is Pause.BUDGET:
            # It goes on in the same slice: to look must not move the next checkpoint.
            machine.board.work -= WORK_OF_AN_ENTRY
        if pause is Pause.SLICE:
            schedule.slice = None
        return pause

    def _by_hand(self, index: int, goal: Moment) -> Pause:
        """Steps of one CPU, up to a moment."""
        machine = self.machine
        cpu = machine.board.cpus[index]
        left = STRETCH_STEPS
        while left > 0:
            if self.final:
                return Pause.OUTCOME
            if self.reached(goal):
                return Pause.BUDGET
            if cpu.activity not in ("running", "waiting"):
                return Pause.HUNG
            # At the goal's tick only beats are missing, which steps make one by one.
            ahead = max(goal.tick - machine.board.tick, 1)
            left -= machine.steps(cpu, min(self.at_border(), ahead, left))
        return Pause.SLICE

    def drive(self, goal: Moment) -> Pause:
        """All the way to a moment, past breakpoints, or to where nothing more happens."""
        while True:
            pause = self.stretch(goal)
            if self.reached(goal) or pause in (Pause.OUTCOME, Pause.HUNG):
                return pause
            self.look_up()


@contextmanager
def quietly(board: Board) -> Iterator[None]:
    """Breakpoints of the user stop nobody."""
    engine = board.engine.breakpoints
    before, engine.quiet = engine.quiet, board.addresses
    try:
        yield
    finally:
        engine.quiet = before
