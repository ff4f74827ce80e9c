"""Waiting costs nothing: loops that can only end from outside are put to sleep, exactly.

The machine is deterministic, so once a lap has come round (see `emu.machine.lap`) all further
laps are known, and so is their length in virtual time: the CPU sleeps, and is woken at the
very lap that a running CPU would have been in. When a byte that a loop reads changes, one lap
is tried with the new bytes. If it leaves the loop, the CPU is due at that lap: it sleeps on
until the schedule comes to it, and if the bytes are the old ones again by then (somebody else
took the lock) it goes on sleeping. CPUs that wait in the same loop share the answer, so that a
thousand CPUs at one mailbox cost little more than one.

A loop that also reads a clock may end by itself. The lap in which it does is found by trying
laps at later times.
"""

from typing import Final

from msgspec.structs import replace

from emu.hw.address import Gpa
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine.board import Board
from emu.machine.lap import Lap, Loop, Needs, harmless
from emu.machine.tracked import PageStore, TrackedPages
from emu.machine.trial import Trials
from emu.machine.wait import SavedWaits, Suspicion, Wait

HORIZON_PS: Final = 10**18
"""About twelve days: a loop that still waits then waits for ever."""
LOOPS_MAX: Final = 4096
"""Distinct loops remembered, so that CPUs in equal ones share them."""
ATTEMPTS_PER_CHANGE: Final = 4
"""Laps tried for the CPUs of one loop after one change; the rest simply run."""


class Waits:
    """Who waits, for what, and until when."""

    def __init__(self, board: Board, tracked: TrackedPages, trials: Trials) -> None:
        self._board, self._tracked, self._trials = board, tracked, trials
        self.on = True
        """Off, every lap is executed: the same guest, at the price of all its laps."""
        self.waiting: dict[int, Wait] = {}
        self._timed: dict[int, Wait] = {}
        self.laps: dict[int, tuple[int, Lap]] = {}
        """CPU -> the place that was suspected, and the lap that it is in."""
        self._suspicions: dict[int, Suspicion] = {}
        self._pages: dict[Gpa, set[int]] = {}
        self._loops: dict[Loop, Loop] = {}

    def save(self) -> SavedWaits:
        """A copy of everything, for `load`. What does not change is shared."""
        return SavedWaits(
            dict(self.waiting), dict(self._timed),
            {cpu: (place, lap.copy()) for cpu, (place, lap) in self.laps.items()},
            {cpu: seen.copy() for cpu, seen in self._suspicions.items()},
            {page: frozenset(cpus) for page, cpus in self._pages.items()}, dict(self._loops),
        )  # fmt: skip

    def load(self, saved: SavedWaits) -> None:
        """Be again what `save` saw."""
        self.waiting, self._timed = dict(saved.waiting), dict(saved.timed)
        self.laps = {cpu: (place, lap.copy()) for cpu, (place, lap) in saved.laps.items()}
        self._suspicions = {cpu: seen.copy() for cpu, seen in saved.suspicions.items()}
        self._pages = {page: set(cpus) for page, cpus in saved.pages.items()}
        self._loops = dict(saved.loops)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The loops in which somebody has waited lately."""
        return tuple(self._loops)

    # -- noticing ---------------------------------------------------------------------------

    def tracing(self, cpu: Cpu) -> bool:
        """Whether the CPU is to be run one instruction at a time; called before each."""
        traced = self.laps.get(cpu.id)
        if traced is None:
            return False
        if not traced[1].look(self._board, cpu):
            self._give_up(cpu)
            return False
        return True

    def suspect(self, cpu: Cpu, exit_: Exit) -> bool:
        """If a PAUSE or clock read is about to retire: is it the head of a lap to be traced?

        The head is before a clock read on purpose: registers that hold it are dead there.
        """
        if not self.on or cpu.id in self.laps or not harmless(cpu, exit_):
            return False
        return self._seen(cpu, cpu.registers.rip) and self.tracing(cpu)

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
            self._seen(cpu, ~(cpu.registers.rip >> 8))

    def _seen(self, cpu: Cpu, place: int) -> bool:
        if not self._suspicions.setdefault(cpu.id, Suspicion()).hit(place):
            return False
        self.laps[cpu.id] = place, Lap.begin(cpu)
        return True

    def stepped(self, cpu: Cpu, exit_: Exit) -> Loop | None:
        """One traced instruction has run; at the loop's head the lap is judged. The loop in
        which the CPU sleeps now, if it does."""
        traced = self.laps.get(cpu.id)
        if traced is None:
            return None
        lap = traced[1]
        if exit_.kind is not ExitKind.BUDGET:
            if not harmless(cpu, exit_):
                # Real work: what comes after it may be a wait again, and is judged afresh.
                del self.laps[cpu.id]
                self._suspicions[cpu.id].hits.clear()
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
        self._suspicions[cpu.id].failed(place)

    # -- sleeping and waking ----------------------------------------------------------------

    def _sleep(self, cpu: Cpu, loop: Loop) -> None:
        del self.laps[cpu.id]
        self._suspicions[cpu.id].hits.clear()
        self._board.turn(cpu, "waiting")
        # No lap beyond the one that was seen is known to come round: a loop that reads a clock
        # may leave in the very next one, so what is safe ends before its start.
        self._enter(cpu, Wait(self._shared(loop), cpu.clock_ps, cpu.clock_ps - 1))

    def _shared(self, loop: Loop) -> Loop:
        """The one instance of equal loops, by which CPUs that wait alike are found."""
        if len(self._loops) >= LOOPS_MAX:
            self._loops.clear()
        return self._loops.setdefault(loop, loop)

    def _enter(self, cpu: Cpu, wait: Wait) -> None:
        """From now on a CPU waits like this, and the pages it looks at are watched."""
        self.waiting[cpu.id] = wait
        if wait.loop.clock:
            self._timed[cpu.id] = wait
        for page in self._pages_of(wait.loop):
            waiters = self._pages.setdefault(page, set())
            if not waiters:
                self._tracked.add(page, "wait")
            waiters.add(cpu.id)

    def _leave(self, cpu: Cpu) -> Wait | None:
        """The CPU no longer waits like this."""
        wait = self.waiting.pop(cpu.id, None)
        if wait is None:
            return None
        self._timed.pop(cpu.id, None)
        for page in self._pages_of(wait.loop):
            waiters = self._pages[page]
            waiters.discard(cpu.id)
            if not waiters:
                del self._pages[page]
                self._tracked.remove(page, "wait")
        return wait

    def _know(self, cpu: Cpu, wait: Wait) -> None:
        """Something has become known of a CPU that waits; its loop is the same."""
        self.waiting[cpu.id] = wait
        if wait.loop.clock or wait.due_ps is not None:
            self._timed[cpu.id] = wait
        else:
            self._timed.pop(cpu.id, None)

    def _pages_of(self, loop: Loop) -> list[Gpa]:
        pages = {self._board.ram.page_at(hpa) for hpa, _ in loop.watched}
        return [page for page in pages if page is not None]

    def forget(self, cpu: Cpu) -> None:
        """The CPU is about to do something else: it neither waits nor is looked at."""
        self.laps.pop(cpu.id, None)
        self._suspicions.pop(cpu.id, None)
        self._leave(cpu)

    def wake(self, cpu: Cpu, moment_ps: int) -> None:
        """Let a waiting CPU run from the lap that begins at or after a moment."""
        wait = self._leave(cpu)
        self.laps.pop(cpu.id, None)
        if wait is None:
            return
        # It goes on at a lap's head, where its registers are those that it sleeps with. If the
        # loop has ended by then, the lap that leaves it was not executed: that one comes first.
        start = wait.lap_at(moment_ps)
        cpu.clock_ps = start if wait.last_ps is None else min(start, wait.last_ps)
        self._board.turn(cpu, "running")
        self._board.reschedule = True

    def disturb(self) -> None:
        """Whoever waits looks again: what loops rely on (tables, clocks, answers) may
        differ."""
        for cpu in self._board.cpus:
            self.wake(cpu, self._board.now_ps())
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
        writer, page = store.cpu, self._board.ram.page_at(store.hpa)
        watchers = self._pages.get(page) if page is not None else None
        if not watchers:
            return
        moment = self._board.now_ps() if writer is None else writer.clock_ps
        read = self._board.memory.read
        by_loop: dict[int, tuple[Loop, list[int]]] = {}
        # In the order of CPUs and not of a set: who is asked first decides whose answer the
        # others share, and every run must ask in the same order.
        for index in sorted(watchers):
            loop = self.waiting[index].loop
            by_loop.setdefault(id(loop), (loop, []))[1].append(index)
        for loop, members in by_loop.values():
            pairs = zip(loop.watched, loop.values, strict=True)
            if any(read(*place) != old for place, old in pairs):
                self._reconsider(members, moment)
            else:
                self._stay(members)

    def _stay(self, members: list[int]) -> None:
        """The bytes that one loop looks at are as they were: nobody is due any more."""
        for index in members:
            wait = self.waiting[index]
            if wait.due_ps is not None:
                self._know(self._board.cpus[index], replace(wait, due_ps=None))

    def _reconsider(self, members: list[int], moment_ps: int) -> None:
        """The bytes that one loop looks at have changed: who still goes round in it?"""
        found: list[Loop | Needs] = []
        attempts = 0
        for index in members:
            cpu = self._board.cpus[index]
            known = next((one for one in found if _takes(one, cpu)), None)
            if known is None and attempts < ATTEMPTS_PER_CHANGE:
                attempts += 1
                known = self._retrace(cpu, moment_ps)
                # A loop that reads a clock may leave by it, and each CPU has its own.
                if isinstance(known, Loop) or not self.waiting[index].loop.clock:
                    found.append(known)
            if not isinstance(known, Loop):
                self._fall_due(cpu, moment_ps)
                continue
            # It waits on, in a loop that reads other values now: of another identity, so that
            # pages and companions are found anew. It was in the old one up to this lap.
            old = self._leave(cpu)
            assert old is not None, "a member of a loop waits"
            start = old.lap_at(moment_ps)
            self._enter(cpu, Wait(known, start, start - 1))

    def _fall_due(self, cpu: Cpu, moment_ps: int) -> None:
        """A CPU is to execute the lap that begins at or after a moment, if things stay so."""
        wait = self.waiting[cpu.id]
        start = wait.lap_at(moment_ps)
        # A store that came later on the clock may be made earlier in the run (CPUs run up to a
        # quantum apart): the earliest lap that leaves counts.
        if wait.due_ps is None or start < wait.due_ps:
            self._know(cpu, replace(wait, due_ps=start))
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
                if not lap.look(board, cpu) or not lap.keeps_to(old):
                    return lap.needs()
                exit_ = self._trials.step(cpu)
                if exit_ is None:
                    return lap.needs()
                if exit_.kind is not ExitKind.BUDGET:
                    lap.exited(exit_)
            loop = lap.loop(board, cpu)
            return lap.needs() if loop is None else self._shared(loop)

    # -- loops that end by the clock --------------------------------------------------------

    def moments(self) -> list[tuple[int, int]]:
        """(clock, CPU) of waiting CPUs that matter again by themselves: at the latest at the
        end of the loop, at the earliest at the first lap that has not been tried."""
        return [
            (wait.safe_ps + 1 if (last := wait.last_ps) is None else last, index)
            for index, wait in self._timed.items()
        ]

    def come_to(self, cpu: Cpu, moment_ps: int, until_ps: int) -> None:
        """The schedule has come to a moment of a waiting CPU: it wakes if its wait is over,
        else it is found out whether it goes on waiting `until_ps`."""
        if self.waiting[cpu.id].last_ps is None:
            self._look_ahead(cpu, until_ps)
        else:
            self.wake(cpu, moment_ps)

    def _look_ahead(self, cpu: Cpu, moment_ps: int) -> None:
        """Find out whether a clock loop comes round up to a moment, or where it ends."""
        wait = self.waiting[cpu.id]
        lap = wait.loop.lap_ps
        # Twice as far as is known, so that a wait of any length takes few trials: time is only
        # looked at lap by lap within the last doubling, and there by halves.
        span = 2 * (wait.safe_ps - wait.since_ps) + lap
        good, bad = wait.safe_ps, wait.lap_at(max(moment_ps, wait.since_ps + span))
        if bad > HORIZON_PS:
            # It ends by no clock. It still waits for its bytes, and can hang the machine.
            del self._timed[cpu.id]
            return
        if self._comes_round(cpu, wait, bad):
            self._know(cpu, replace(wait, safe_ps=bad))
            return
        first = max(0, -(-(good + 1 - wait.since_ps) // lap))
        last = (bad - wait.since_ps) // lap
        while first < last:
            middle = (first + last) // 2
            if self._comes_round(cpu, wait, wait.since_ps + middle * lap):
                first = middle + 1
            else:
                last = middle
        self._know(cpu, replace(wait, ends_ps=wait.since_ps + last * lap))

    def _comes_round(self, cpu: Cpu, wait: Wait, start_ps: int) -> bool:
        """Execute one lap at another time, and take it back."""
        loop = wait.loop
        with self._trials.begin(cpu, start_ps, loop.stores):
            return all(self._lap_step(cpu, rip) for rip in loop.path) and (
                cpu.registers.rip == loop.head
            )

    def _lap_step(self, cpu: Cpu, rip: int) -> bool:
        """One instruction of a tried lap; False where the loop would be left."""
        return cpu.registers.rip == rip and self._trials.step(cpu) is not None


def _takes(known: Loop | Needs, cpu: Cpu) -> bool:
    """Whether a CPU does what another one was found to do."""
    if isinstance(known, Loop):
        return known.takes(cpu)
    return all(cpu.registers.get(name) == value for name, value in known)
