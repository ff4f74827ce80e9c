"""Waiting costs nothing: loops that can only end from outside are put to sleep, exactly.

The machine is deterministic, so once a lap has come round (see `emu.machine.lap`) all further
laps are known, and so is their length in virtual time: the CPU sleeps, and is woken at the
very lap that a running CPU would have been in. When a byte that a loop reads changes, one lap
is tried with the new bytes. If it leaves the loop, the CPU is due at that lap: it sleeps on
until the schedule comes to it, and if the bytes are the old ones again by then (somebody else
took the lock) it goes on sleeping. CPUs that wait in the same loop share the answer, so that a
thousand CPUs at one mailbox cost little more than one.

A loop that also reads a clock may end by itself (`emu.machine.clock_loops`).
"""

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine.board import Board
from emu.machine.clock_loops import ClockLoops
from emu.machine.lap import LAP_MAX, Lap, Loop, Needs, harmless
from emu.machine.log import WakeCause
from emu.machine.tracked import PageStore, TrackedPages
from emu.machine.trial import Trials
from emu.machine.wait import Suspicion, Wait
from emu.machine.wait_group import SavedWaits, WaitGroup, WaitGroups
from emu.machine.waited_pages import WaitedPages

LOOPS_MAX: Final = 4096
"""Distinct loops remembered, so that CPUs in equal ones share them."""
FRUITLESS_MAX: Final = 64
"""Slices that must end near one place, however many traces from there have led nowhere."""
ATTEMPTS_PER_CHANGE: Final = 4
"""Laps tried for the CPUs of one loop after one change; the rest simply run."""


class Waits:
    """Who waits, for what, and until when."""

    def __init__(self, board: Board, tracked: TrackedPages, trials: Trials) -> None:
        self._board, self._trials = board, trials
        self.on = True
        """Off, every lap is executed: the same guest, at the price of all its laps."""
        self.waiting = WaitGroups(board.cpus)
        self._timed: dict[int, int] = {}
        """Waiting CPUs that matter again by themselves, and when (`Wait.matters_ps`)."""
        self.laps: dict[int, tuple[int, Lap]] = {}
        self._suspicions: dict[int, Suspicion] = {}
        self._fruitless: dict[int, int] = {}
        """Place where slices ended -> how many traces, by any CPU, led nowhere of late."""
        self._own: set[int] = set()
        """The CPUs whose suspicions no snapshot has: only these may be changed in place."""
        self.pages = WaitedPages(board.ram, tracked)
        self._loops: dict[Loop, Loop] = {}
        self._clock_loops = ClockLoops(trials)

    def save(self) -> SavedWaits:
        """A copy of everything, for `load`. What does not change is shared."""
        self._own.clear()
        return SavedWaits(
            self.waiting.save(), dict(self._timed),
            {cpu: (place, lap.copy()) for cpu, (place, lap) in self.laps.items()},
            dict(self._suspicions), dict(self._fruitless), dict(self._loops),
            dict(self._clock_loops.lasted),
        )  # fmt: skip

    def load(self, saved: SavedWaits) -> None:
        """Be again what `save` saw."""
        self.waiting.load(saved.groups)
        self._timed = dict(saved.timed)
        self.laps = {cpu: (place, lap.copy()) for cpu, (place, lap) in saved.laps.items()}
        self._suspicions, self._fruitless = dict(saved.suspicions), dict(saved.fruitless)
        self._own.clear()
        self._loops, self._clock_loops.lasted = dict(saved.loops), dict(saved.lasted)
        self.pages.load(self.waiting.all())

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The loops in which somebody has waited lately."""
        return tuple(self._loops)

    # -- noticing ---------------------------------------------------------------------------

    def tracing(self, cpu: Cpu, most: int = 1) -> int:
        """For a CPU that is to be run few instructions at a time, how many of them, `most` at
        most; called before each such run. 0 for any other CPU."""
        traced = self.laps.get(cpu.id)
        if traced is None:
            return 0
        few = traced[1].look(self._board, cpu, most)
        if not few:
            self._give_up(cpu)
        return few

    def suspect(self, cpu: Cpu, exit_: Exit) -> bool:
        """If a PAUSE or clock read is about to retire: is it the head of a lap to be traced?

        The head is before a clock read on purpose: registers that hold it are dead there.
        """
        if not self.on or cpu.id in self.laps or not harmless(cpu, exit_):
            return False
        return self._seen(cpu, cpu.registers.rip) and self.tracing(cpu) > 0

    def stored_nothing(self, cpu: Cpu) -> None:
        """A store to a page that somebody looks at left all its bytes as they were: several at
        one place look like a loop that tries to take a lock."""
        if self.on and not self._board.on_trial and cpu.id not in self.laps:
            self._seen(cpu, cpu.registers.rip)

    def slice_ended(self, cpu: Cpu) -> None:
        """A slice used up its time: several in a row near one place look like a loop."""
        # Loops without PAUSE, clock or store cannot be seen otherwise. A slice ends anywhere in
        # them, so the place is 256 bytes wide, and complemented so that it is no address: a
        # failed attempt here must not put off one that a PAUSE in there gives reason for.
        if self.on and cpu.id not in self.laps:
            place = ~(cpu.registers.rip >> 8)
            # A thousand CPUs do the same work: what a trace of it led to is known from others.
            self._seen(cpu, place, min(self._fruitless.get(place, 0), FRUITLESS_MAX))

    def _seen(self, cpu: Cpu, place: int, least: int = 0) -> bool:
        if not self._suspicion(cpu).hit(place, least):
            return False
        self.laps[cpu.id] = place, Lap.begin(cpu)
        return True

    def _suspicion(self, cpu: Cpu) -> Suspicion:
        """What is suspected of a CPU, to be changed."""
        index = cpu.id
        if index not in self._own:
            known = self._suspicions.get(index)
            self._suspicions[index] = Suspicion() if known is None else known.copy()
            self._own.add(index)
        return self._suspicions[index]

    def stepped(self, cpu: Cpu, exit_: Exit) -> Loop | None:
        """Traced instructions have run; at its head a lap is judged. The loop it sleeps in."""
        traced = self.laps.get(cpu.id)
        if traced is None:
            return None
        lap = traced[1]
        lap.settle(cpu.ticks)
        if exit_.kind is not ExitKind.BUDGET:
            if not harmless(cpu, exit_):
                # Real work: what comes after it may be a wait again, and is judged afresh.
                del self.laps[cpu.id]
                self._suspicion(cpu).hits.clear()
                return None
            lap.exited(exit_)
        if cpu.activity != "running":
            self._give_up(cpu)
        elif cpu.registers.rip == lap.head:
            loop = lap.loop(self._board, cpu)
            if loop is None:
                self._give_up(cpu)
            else:
                self._sleep(cpu, loop)
                return loop
        return None

    def _give_up(self, cpu: Cpu) -> None:
        place, _ = self.laps.pop(cpu.id)
        self._suspicion(cpu).failed(place)
        if place < 0:
            self._fruitless[place] = self._fruitless.get(place, 0) + 1

    # -- sleeping and waking ----------------------------------------------------------------

    def _sleep(self, cpu: Cpu, loop: Loop) -> None:
        place, _ = self.laps.pop(cpu.id)
        self._fruitless.pop(place, None)
        self._suspicion(cpu).hits.clear()
        self._board.turn(cpu, "waiting")
        self._enter(cpu.id, Wait.begun(self._shared(loop), cpu.clock_ps))

    def _shared(self, loop: Loop) -> Loop:
        """The one instance of equal loops, by which CPUs that wait alike are found."""
        if len(self._loops) >= LOOPS_MAX:
            self._loops.clear()
        return self._loops.setdefault(loop, loop)

    def _enter(self, index: int, wait: Wait) -> None:
        """From now on a CPU waits like this, and the pages it looks at are watched."""
        new = self.waiting.enter(index, wait)
        if new is not None:
            self.pages.watch(new)
        self._note_moment(index, wait)

    def _leave(self, index: int) -> Wait | None:
        """The CPU no longer waits like this."""
        if index not in self.waiting:
            return None
        self._timed.pop(index, None)
        wait, empty = self.waiting.leave(index)
        if empty is not None:
            self.pages.unwatch(empty, empty.loop)
        return wait

    def _know(self, index: int, wait: Wait) -> None:
        """Something has become known of a CPU that waits; its loop is the same."""
        self.waiting.of(index).know(index, wait)
        self._note_moment(index, wait)

    def _note_moment(self, index: int, wait: Wait) -> None:
        if wait.loop.clock or wait.due_ps is not None:
            self._timed[index] = wait.matters_ps
        else:
            self._timed.pop(index, None)

    def forget(self, cpu: Cpu) -> None:
        """The CPU is about to do something else: it neither waits nor is looked at."""
        self.laps.pop(cpu.id, None)
        self._suspicions.pop(cpu.id, None)
        self._own.discard(cpu.id)
        self._leave(cpu.id)

    def wake(self, cpu: Cpu, moment_ps: int, why: WakeCause, by: int | None = None) -> None:
        """Let a waiting CPU run from the lap that begins at or after a moment; `by`: through
        which CPU's doing."""
        wait = self._leave(cpu.id)
        self.laps.pop(cpu.id, None)
        if wait is None:
            return
        # It goes on at a lap's head, where its registers are those that it sleeps with. If the
        # loop has ended by then, the lap that leaves it was not executed: that one comes first.
        start = wait.lap_at(moment_ps)
        moment = start if wait.last_ps is None else min(start, wait.last_ps)
        self._board.go_on(cpu, moment, why, by, wait.cause_ps(why, moment_ps, moment))
        self._board.turn(cpu, "running")
        self._board.reschedule = True

    def disturb(self) -> None:
        """Whoever waits looks again: what loops rely on (tables, clocks, answers) may
        differ."""
        for cpu in self._board.cpus:
            self.wake(cpu, self._board.now_ps(), "disturbed")
        self._board.tables_changed()

    def runs(self, cpu: Cpu) -> bool:
        """Whether a CPU executes instructions as soon as the schedule lets it."""
        wait = self.waiting.get(cpu.id)
        return cpu.activity == "running" or (wait is not None and wait.due_ps is not None)

    def clock_of(self, cpu: Cpu) -> int:
        """A CPU's clock in picoseconds; that of a waiting CPU has moved on with the others."""
        wait = self.waiting.get(cpu.id)
        if wait is None:
            return cpu.clock_ps
        return max(wait.lap_at(self._board.now_ps()), cpu.clock_ps)

    def stored(self, store: PageStore) -> None:
        """Memory changed: whoever looks at a byte that is another one now may wake up."""
        writer, watchers = store.cpu, self.pages.groups(store.hpa)
        if not watchers:
            return
        moment = self._board.now_ps() if writer is None else writer.clock_ps
        read = self._board.memory.read
        # In the order of their first CPUs: who is asked first decides whose answer the others
        # share, and every run must ask in the same order.
        for group in sorted(watchers, key=lambda one: min(one.since)):
            pairs = zip(group.loop.watched, group.loop.values, strict=True)
            if any(read(*place) != old for place, old in pairs):
                self._reconsider(group, moment, None if writer is None else writer.id)
            else:
                self._stay(group)

    def _stay(self, group: WaitGroup) -> None:
        """The bytes that one loop looks at are as they were: nobody is due any more."""
        for index, wait in sorted(group.known.items()):
            if wait.due_ps is not None:
                self._know(index, replace(wait, due_ps=None, due_by=None, stored_ps=None))

    def _reconsider(self, group: WaitGroup, moment_ps: int, by: int | None) -> None:
        """The bytes that one loop looks at have changed: who still goes round in it?"""
        left = set(group.since)
        moves: list[tuple[Loop, set[int]]] = []
        for _ in range(ATTEMPTS_PER_CHANGE):
            if not left:
                break
            first = min(left)
            known = self._retrace(self._board.cpus[first], moment_ps)
            # A loop that reads a clock may leave by it, and each CPU has its own.
            alike = isinstance(known, Loop) or not group.loop.clock
            members = left & group.takers(known) | {first} if alike else {first}
            left -= members
            if isinstance(known, Loop):
                moves.append((known, members))
            else:
                self._fall_due(group, members, moment_ps, by)
        self._fall_due(group, left, moment_ps, by)
        # Those who are fewer leave first: the group itself goes with those who are most.
        for loop, members in sorted(moves, key=lambda one: len(one[1])):
            self._move(group, members, loop, moment_ps)

    def _move(self, group: WaitGroup, members: set[int], loop: Loop, moment_ps: int) -> None:
        """They wait on, in a loop that reads other values now: of another identity, so that
        pages and companions are found anew. They were in the old one up to this lap."""
        staying = group.since.keys() - members
        if len(staying) >= len(members):
            for index in sorted(members):
                old = self._leave(index)
                assert old is not None, "a member of a loop waits"
                self._enter(index, Wait.begun(loop, old.lap_at(moment_ps)))
            return
        timed = group.since if group.loop.clock or loop.clock else group.known
        before, changed = group.loop, members.intersection(timed)
        left = self.waiting.split(group, staying)
        if left is not None:
            self.pages.watch(left)
        other = self.waiting.turn(group, loop, moment_ps)
        self.pages.watch(group)
        self.pages.unwatch(group, before)
        if other is not None:
            self.pages.unwatch(other, loop)
        for index in changed:
            self._note_moment(index, self.waiting[index])

    def _fall_due(
        self, group: WaitGroup, members: Collection[int], moment_ps: int, by: int | None
    ) -> None:
        """CPUs are to execute the lap that begins at or after a moment, if things stay so."""
        for index in sorted(members):
            wait = group.wait(index)
            start = wait.lap_at(moment_ps)
            # A store that came later on the clock may be made earlier in the run (CPUs run up
            # to a quantum apart): the earliest lap that leaves counts.
            if wait.due_ps is None or start < wait.due_ps:
                self._know(index, replace(wait, due_ps=start, due_by=by, stored_ps=moment_ps))
                self._board.reschedule = True

    def _retrace(self, cpu: Cpu, moment_ps: int) -> Loop | Needs:
        """Try a lap with memory as it is now: the loop that it is, or, if it leaves or goes
        where no lap went, the registers that made it do so."""
        board = self._board
        wait = self.waiting[cpu.id]
        old = wait.loop
        with self._trials.begin(cpu, wait.lap_at(moment_ps), old.stores):
            lap = Lap.begin(cpu)
            while not lap.path or cpu.registers.rip != lap.head:
                few = lap.look(board, cpu, LAP_MAX, old)
                if not few or not lap.keeps_to(old):
                    return lap.needs()
                exit_ = self._trials.step(cpu, few)
                lap.settle(cpu.ticks)
                if exit_ is None:
                    return lap.needs()
                if exit_.kind is ExitKind.INTERCEPT:
                    lap.exited(exit_)
            loop = lap.loop(board, cpu)
            return lap.needs() if loop is None else self._shared(loop)

    # -- loops that end by the clock --------------------------------------------------------

    def moments(self) -> list[tuple[int, int]]:
        """(clock, CPU) of waiting CPUs that matter again by themselves."""
        return [(moment, index) for index, moment in self._timed.items()]

    def come_to(self, cpu: Cpu, moment_ps: int, until_ps: int) -> None:
        """The schedule has come to a moment of a waiting CPU: it wakes if its wait is over,
        else it is found out whether it goes on waiting `until_ps`."""
        wait = self.waiting[cpu.id]
        if wait.last_ps is not None:
            if wait.last_ps == wait.due_ps:
                self.wake(cpu, moment_ps, "memory", wait.due_by)
            else:
                self.wake(cpu, moment_ps, "clock")
            return
        known = self._clock_loops.ahead(cpu, wait, until_ps)
        if known is None:
            # It still waits for its bytes, and can hang the machine.
            del self._timed[cpu.id]
        else:
            self._know(cpu.id, known)
