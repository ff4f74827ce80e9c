"""Going back: the nearest checkpoint before a moment is put back, and run forward from.

Only this file knows that. A machine runs along a branch; where somebody chooses differently in
the past, a new branch begins, and the old one keeps its future.
"""

from typing import Final

from emu.errors import CommandError
from emu.machine import invariants, snapshot
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.timeline.branch import Branch
from emu.timeline.checkpoint import Checkpoint, drop, way
from emu.timeline.driver import STRETCH_STEPS, Driver, quietly
from emu.timeline.moment import Moment

BUDGET_BYTES: Final = 256 << 20
"""Older checkpoints are thinned out where all together come near to it."""
NEAR: Final = 7 / 8
"""From this share of the budget on."""
DROPS: Final = 4
"""Checkpoints that are looked at for that whenever one is taken, below the budget itself."""
POINT_WORK: Final = 360
"""Between two checkpoints: 30 exits, or laps' instructions that are tried, or 60 slices."""
POINT_WORK_PER_CPU: Final = 26
"""More for each CPU, as a checkpoint looks at every one."""
POINT_TICKS: Final = 300_000
"""Instructions between two checkpoints: 6 to 15 ms."""
FIRST_BRANCH: Final = "main"


class Timeline:
    """All branches of one machine, and where on them it stands."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.driver = Driver(machine)
        self.driver.between = self._between
        self.enabled = True
        """Whether checkpoints are taken; without them the past is far away."""
        self.budget = BUDGET_BYTES
        self._named = 1
        self.spacing = POINT_WORK + POINT_WORK_PER_CPU * len(machine.board.cpus)
        """Work between two checkpoints (`Board.work`)."""
        machine.board.undo.cut()
        self.base = Checkpoint(
            Moment(0), snapshot.take(machine, None), self.driver.schedule.save(), None, {}
        )
        self.root = self.base
        self.bytes_used = self.base.bytes_used
        """What all checkpoints cost together, about."""
        self._next_old = 1
        """Index of the old checkpoint that is looked at next, when room is needed."""
        self.branch = Branch(FIRST_BRANCH, self.driver.entries, [self.base], machine.board.logs)
        self.branches = {self.branch.name: self.branch}

    # -- where we are -----------------------------------------------------------------------

    @property
    def now(self) -> Moment:
        """Where the machine stands on its branch."""
        return self.driver.now

    @property
    def end(self) -> Moment:
        """The furthest moment that is known of this branch."""
        branch, now = self.branch, self.driver.now
        if now > branch.end:
            branch.end = now
        return branch.end

    @property
    def in_past(self) -> bool:
        """Whether what comes next is known."""
        branch, now = self.branch, self.driver.now
        if now >= branch.end:
            branch.end = now
            return False
        return True

    def known(self, moment: Moment) -> Moment:
        """A moment of this branch, or the end of it if nothing that is known reaches that."""
        return moment if moment.reached_at(self.end) else self.end

    # -- checkpoints ------------------------------------------------------------------------

    def _between(self) -> int:
        """The machine stands between two slices or steps: pass a known checkpoint, or take one.
        How many steps there may be up to the next."""
        branch, base = self.branch, self.base
        if base is branch.points[-1]:
            machine, last = self.machine, base.snapshot
            due = machine.board.work - last.work >= self.spacing
            due = due or machine.board.tick - last.tick >= POINT_TICKS
            if due and self.enabled and self.driver.now > base.moment:
                self._take()
            return self._steps_to_next()
        point = branch.points[branch.before(self.now)]
        if point is not base:
            self._arrive(point)
        return self._steps_to_next()

    def _steps_to_next(self) -> int:
        """At least 1: steps between which there is no checkpoint and none becomes due."""
        base, points, board = self.base, self.branch.points, self.machine.board
        if base is not points[-1]:
            ahead = points[self.branch.before(self.now) + 1].moment.tick
        else:
            left = self.spacing - (board.work - base.snapshot.work)
            ahead = min(board.tick + left, base.snapshot.tick + POINT_TICKS)
        return max(ahead - board.tick, 1) if self.enabled else STRETCH_STEPS

    def _arrive(self, point: Checkpoint) -> None:
        """A known checkpoint is passed on the way forward."""
        assert point.moment == self.now, f"{self.now} missed the checkpoint at {point.moment}"
        assert point.parent is self.base, "checkpoints are passed one by one"
        self.bytes_used -= point.bytes_used
        point.images = self.machine.board.undo.cut()
        self.bytes_used += point.bytes_used
        self.machine.board.engine.flush_tlb()
        # The machine is as it was when this was taken, but for the stops on the way here: they
        # cost work, and must not make a second checkpoint due at this very moment.
        self.machine.board.work = point.snapshot.work
        self.base = point

    def _arrive_here(self) -> None:
        """If there is a checkpoint at this very moment, it counts as passed."""
        point = self.branch.points[self.branch.before(self.now)]
        if point is not self.base and point.moment == self.now:
            self._arrive(point)

    def _take(self) -> None:
        machine = self.machine
        invariants.at_border(machine.board, machine.waits, machine.tracked)
        assert self.now > self.base.moment, "a moment has one checkpoint"
        images = machine.board.undo.cut()
        machine.board.engine.flush_tlb()
        point = Checkpoint(
            self.now, snapshot.take(machine, self.base.snapshot), self.driver.schedule.save(),
            self.base, images,
        )  # fmt: skip
        self.base.children.append(point)
        self.branch.points.append(point)
        self.base = point
        self.bytes_used += point.bytes_used
        if self.bytes_used > self.budget * NEAR:
            self._make_room()

    def _make_room(self) -> None:
        """Drop every other old checkpoint of this branch, a few whenever one is taken, so that
        none costs more than another however many there are; over the budget, as many as it
        takes."""
        points = self.branch.points
        left = DROPS if self.bytes_used <= self.budget else len(points)
        while left and self.bytes_used > self.budget * NEAR:
            if self._next_old >= max(len(points) * 3 // 4, 2):
                self._next_old = 1
            if self._next_old < len(points):
                self._spare(points[self._next_old])
            self._next_old += 1  # the one behind it stays
            left -= 1
        while self.bytes_used > self.budget and self._thin():
            self.bytes_used = sum(point.bytes_used for point in self._every_point())

    def _spare(self, point: Checkpoint) -> None:
        """Drop a checkpoint that the machine's own descends from, if it can be."""
        if point is self.base or len(point.children) != 1:
            return
        child = point.children[0]
        before = point.bytes_used + child.bytes_used
        drop(point, above=True)
        self.bytes_used += child.bytes_used - before
        for branch in self.branches.values():
            place = branch.before(point.moment)
            if branch.points[place] is point:
                del branch.points[place]

    def _every_point(self) -> list[Checkpoint]:
        """All checkpoints, oldest first."""
        found, waiting = [], [self.root]
        while waiting:
            point = waiting.pop()
            found.append(point)
            waiting += point.children
        return sorted(found, key=lambda point: point.moment)

    def _thin(self) -> bool:
        """Drop every other checkpoint among the older three quarters of all branches; False if
        none can be."""
        points = self._every_point()
        above = {id(point) for point in self.base.ancestors()}
        gone = set()
        for point in points[1 : max(len(points) * 3 // 4, 2) : 2]:
            if point is not self.base and len(point.children) == 1:
                drop(point, above=id(point.children[0]) in above)
                gone.add(id(point))
        for branch in self.branches.values():
            branch.points[:] = [point for point in branch.points if id(point) not in gone]
        return bool(gone)

    def _travel(self, target: Checkpoint) -> None:
        """Be at a checkpoint, wherever in the tree it is."""
        machine = self.machine
        pages = set(machine.board.undo.revert())
        up, down = way(self.base, target)
        for point in (*up, *down):
            self.bytes_used -= point.bytes_used
            machine.board.undo.swap(point.images)
            self.bytes_used += point.bytes_used
            pages.update(point.images)
        snapshot.put_back(machine, target.snapshot, pages)
        self.driver.schedule.load(target.schedule)
        self.driver.done = target.moment.entries
        self.base = target

    # -- moving -----------------------------------------------------------------------------

    def goto(self, moment: Moment) -> Pause:
        """Be at the first state at or after a moment of this branch, as far as it is known."""
        moment = self.known(moment)
        point = self.branch.points[self.branch.before(moment)]
        if moment < self.now or point.moment > self.now:
            self._travel(point)
        with quietly(self.machine.board):
            pause = self.driver.drive(moment)
        self._arrive_here()
        return pause

    def return_to(self, here: Moment) -> None:
        """Be at a moment that lies behind the last checkpoint passed, whatever was done to the
        machine meanwhile; the undo log must know all of that."""
        self._travel(self.base)
        with quietly(self.machine.board):
            self.driver.drive(here)

    def retrace(self, moment: Moment) -> None:
        """Run to a known moment that lies ahead, instruction by instruction, so that probes
        see all that happens on the way."""
        with quietly(self.machine.board):
            self.driver.drive(moment)

    def follow(self, moment: Moment) -> bool:
        """Some way towards a state that somebody says there was; True where it is, or where
        the course has ended or passed it by: not every beat and entry comes."""
        with quietly(self.machine.board):
            pause = self.driver.stretch(moment)
        now, driver = self.now, self.driver
        passed = now.tick >= moment.tick and now.beat >= moment.beat and not driver.due
        there = pause in (Pause.BUDGET, Pause.OUTCOME, Pause.HUNG)
        return there or passed or now.tick > moment.tick

    def stretch(self, moment: Moment) -> Pause:
        """Some way towards a moment that may lie beyond what is known; from there on the CPUs
        run by themselves, if one was stepped by hand."""
        if self.in_past:
            moment = self.known(moment)
        elif self.driver.schedule.by_hand is not None and not self.driver.final:
            self.enter("auto")
        return self.driver.stretch(moment)

    def forward(self, moment: Moment) -> Pause:
        """A stretch that nothing stops."""
        with quietly(self.machine.board):
            return self.stretch(moment)

    def enter(self, text: str) -> None:
        """Something from outside, now: in the past it begins a new branch. Raises
        CommandError, and then nothing has changed."""
        self._arrive_here()
        old = self.branch
        if self.in_past:
            self.fork()
        try:
            self.driver.enter(text)
        except CommandError:
            if self.branch is not old:
                del self.branches[self.branch.name]
                self._named -= 1
                self._follow(old)
            raise
        self.branch.last = Pause.BUDGET

    # -- branches ---------------------------------------------------------------------------

    def fork(self, name: str = "") -> Branch:
        """Begin a branch here that has no future yet; at an end it is at that end, too."""
        while not name or name in self.branches:
            self._named += 1
            name = f"branch{self._named}"
        parent, machine, now = self.branch, self.machine, self.now
        parent.end = self.end
        last = parent.last if now == parent.end else Pause.BUDGET
        machine.board.logs = parent.logs.copy()
        index = parent.points.index(self.base)
        self.branch = Branch(
            name, parent.entries[: now.entries], parent.points[: index + 1], machine.board.logs,
            parent.name, now, now, last,
            marks={name: mark for name, mark in parent.marks.items() if mark.at <= now},
        )  # fmt: skip
        self.branches[name] = self.branch
        self.driver.entries = self.branch.entries
        return self.branch

    def switch(self, name: str) -> None:
        """Go to the end of another branch; raises CommandError for an unknown one."""
        target = self.branches.get(name)
        if target is None:
            raise CommandError(f"branch: there is no {name!r}: `branches` lists them")
        if target is self.branch:
            self.goto(self.end)
            return
        shared = self._shared(target)
        self.branch.end = self.end
        self._travel(shared)
        self._follow(target)
        self.goto(target.end)

    def rename(self, name: str, new: str) -> None:
        """Give a branch another name; raises CommandError where that cannot be."""
        if name not in self.branches:
            raise CommandError(f"branch: there is no {name!r}: `branches` lists them")
        if new in self.branches or not new[:1].isalpha():
            raise CommandError(f"branch: {new!r} is taken, or does not begin with a letter")
        self.branches = {new if k == name else k: b for k, b in self.branches.items()}
        self.branches[new].name = new

    def _shared(self, target: Branch) -> Checkpoint:
        """The newest checkpoint that two branches have in common."""
        known = {id(point) for point in self.branch.points}
        return next(point for point in reversed(target.points) if id(point) in known)

    def _follow(self, target: Branch) -> None:
        """From here on, at a checkpoint of both, the other branch is ours."""
        counts = self.machine.board.logs.counts()
        self.branch = target
        self.machine.board.logs = target.logs
        self.machine.board.logs.back_to(counts)
        self.driver.entries = target.entries
