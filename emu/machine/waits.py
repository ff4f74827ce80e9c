"""Waiting costs nothing: loops that can only end from outside are put to sleep, exactly.

The machine is deterministic, so once a lap has come round (see `emu.machine.lap`) all further
laps are known, and so is their length in virtual time: the CPU sleeps, and is woken at the
very lap that a running CPU would have been in. When a byte that a loop reads changes, one lap
is executed with the new bytes and taken back if it leaves the loop; CPUs that wait in the same
loop share the answer, so that a thousand CPUs at one mailbox cost little more than one.

A loop that also reads a clock may end by itself. The lap in which it does is found by trying
laps at later times and taking them back.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.hw.engine import Exit, ExitKind
from emu.machine.lap import Lap, Loop, harmless

if TYPE_CHECKING:
    from emu.machine.machine import Machine

HITS: Final = 2
"""PAUSEs, clock reads or slice ends at one place before a lap is traced there."""
BACKOFF_MAX: Final = 4096
"""Hits between two attempts at a loop that turned out to do real work."""
PLACES_MAX: Final = 64
"""Places remembered for each CPU."""
HORIZON_PS: Final = 10**18
"""About twelve days: a loop that still waits then waits for ever."""
LOOPS_MAX: Final = 4096
"""Distinct loops remembered, so that CPUs in equal ones share them."""
ATTEMPTS_PER_CHANGE: Final = 4
"""Laps tried for the CPUs of one loop after one change; the rest simply run."""


@dataclass(slots=True)
class _Suspicion:
    """How often a CPU was seen at its places, and how often it must be for a trace."""

    hits: dict[int, int] = field(default_factory=dict)
    wanted: dict[int, int] = field(default_factory=dict)

    def copy(self) -> "_Suspicion":
        """What is suspected so far."""
        return _Suspicion(dict(self.hits), dict(self.wanted))

    def hit(self, place: int) -> bool:
        """One more sighting; True if that makes it worth a trace."""
        count = self.hits[place] = self.hits.get(place, 0) + 1
        return count >= self.wanted.get(place, HITS)

    def failed(self, place: int) -> None:
        """A trace that began at a place led nowhere: wait longer before the next."""
        if len(self.wanted) >= PLACES_MAX:
            self.wanted.clear()
        self.wanted[place] = min(2 * self.wanted.get(place, HITS), BACKOFF_MAX)
        self.hits.clear()


@dataclass(frozen=True, slots=True)
class Wait:
    """A CPU that sleeps in a loop since its clock stood at the loop's head."""

    loop: Loop
    since_ps: int
    safe_ps: int
    """A lap that starts at this clock is known to come round."""
    ends_ps: int | None = None
    """The start of the first lap that does not come round by itself, once known."""

    def lap_at(self, moment_ps: int) -> int:
        """The start of the first lap that begins at or after a moment."""
        lap = self.loop.lap_ps
        return self.since_ps + max(0, -(-(moment_ps - self.since_ps) // lap)) * lap


class SavedWaits(NamedTuple):
    """What a Waits was at one moment."""

    waiting: dict[int, Wait]
    clocked: dict[int, Wait]
    laps: dict[int, tuple[int, Lap]]
    suspicions: dict[int, _Suspicion]
    pages: dict[Gpa, frozenset[int]]
    loops: dict[Loop, Loop]


class Waits:
    """Who waits, for what, and until when."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.on = True
        """Off, every lap is executed: the same guest, at the price of all its laps."""
        self.waiting: dict[int, Wait] = {}
        self._clocked: dict[int, Wait] = {}
        self._laps: dict[int, tuple[int, Lap]] = {}
        self._suspicions: dict[int, _Suspicion] = {}
        self._pages: dict[Gpa, set[int]] = {}
        self._loops: dict[Loop, Loop] = {}

    def save(self) -> "SavedWaits":
        """A copy of everything, for `load`. What does not change is shared."""
        return SavedWaits(
            dict(self.waiting), dict(self._clocked),
            {cpu: (place, lap.copy()) for cpu, (place, lap) in self._laps.items()},
            {cpu: seen.copy() for cpu, seen in self._suspicions.items()},
            {page: frozenset(cpus) for page, cpus in self._pages.items()}, dict(self._loops),
        )  # fmt: skip

    def load(self, saved: "SavedWaits") -> None:
        """Be again what `save` saw."""
        self.waiting, self._clocked = dict(saved.waiting), dict(saved.clocked)
        self._laps = {cpu: (place, lap.copy()) for cpu, (place, lap) in saved.laps.items()}
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
        traced = self._laps.get(cpu.id)
        if traced is None:
            return False
        if not traced[1].look(self._machine, cpu):
            self._give_up(cpu)
            return False
        return True

    def suspect(self, cpu: Cpu, exit_: Exit) -> bool:
        """If a PAUSE or clock read is about to retire: is it the head of a lap to be traced?

        The head is before a clock read on purpose: registers that hold it are dead there.
        """
        if not self.on or cpu.id in self._laps or not harmless(cpu, exit_):
            return False
        return self._seen(cpu, cpu.registers.rip) and self.tracing(cpu)

    def slice_ended(self, cpu: Cpu) -> None:
        """A slice used up its time: several in a row near one place look like a loop."""
        if self.on and cpu.id not in self._laps:
            self._seen(cpu, ~(cpu.registers.rip >> 8))

    def _seen(self, cpu: Cpu, place: int) -> bool:
        if not self._suspicions.setdefault(cpu.id, _Suspicion()).hit(place):
            return False
        self._laps[cpu.id] = place, Lap.begin(cpu)
        return True

    def stepped(self, cpu: Cpu, exit_: Exit) -> None:
        """One traced instruction has run; at the loop's head the lap is judged."""
        traced = self._laps.get(cpu.id)
        if traced is None:
            return
        lap = traced[1]
        if exit_.kind is not ExitKind.BUDGET:
            if not harmless(cpu, exit_):
                # Real work: what comes after it may be a wait again, and is judged afresh.
                del self._laps[cpu.id]
                self._suspicions[cpu.id].hits.clear()
                return
            lap.exited(exit_)
        if cpu.activity != "running":
            self._give_up(cpu)
        elif cpu.registers.rip == lap.head:
            loop = lap.loop(self._machine, cpu)
            if loop is None:
                self._give_up(cpu)
            else:
                self._sleep(cpu, loop)

    def _give_up(self, cpu: Cpu) -> None:
        place, _ = self._laps.pop(cpu.id)
        self._suspicions[cpu.id].failed(place)

    # -- sleeping and waking ----------------------------------------------------------------

    def _sleep(self, cpu: Cpu, loop: Loop) -> None:
        del self._laps[cpu.id]
        self._suspicions[cpu.id].hits.clear()
        self._machine.turn(cpu, "waiting")
        self._enter(cpu, Wait(self._shared(loop), cpu.clock_ps, cpu.clock_ps - 1))
        self._machine.witness.waited(cpu, loop)

    def _shared(self, loop: Loop) -> Loop:
        """The one instance of equal loops, by which CPUs that wait alike are found."""
        if len(self._loops) >= LOOPS_MAX:
            self._loops.clear()
        return self._loops.setdefault(loop, loop)

    def _enter(self, cpu: Cpu, wait: Wait) -> None:
        """From now on a CPU waits like this, and the pages it reads are watched."""
        self.waiting[cpu.id] = wait
        if wait.loop.clock:
            self._clocked[cpu.id] = wait
        for page in self._pages_of(wait.loop):
            waiters = self._pages.setdefault(page, set())
            if not waiters:
                self._machine.tracked.add(page, "wait")
            waiters.add(cpu.id)

    def _leave(self, cpu: Cpu) -> Wait | None:
        """The CPU no longer waits like this."""
        wait = self.waiting.pop(cpu.id, None)
        if wait is None:
            return None
        self._clocked.pop(cpu.id, None)
        for page in self._pages_of(wait.loop):
            waiters = self._pages[page]
            waiters.discard(cpu.id)
            if not waiters:
                del self._pages[page]
                self._machine.tracked.remove(page, "wait")
        return wait

    def _pages_of(self, loop: Loop) -> list[Gpa]:
        pages = {self._machine.ram.page_at(hpa) for hpa, _, _ in loop.reads}
        return [page for page in pages if page is not None]

    def forget(self, cpu: Cpu) -> None:
        """The CPU is about to do something else: it neither waits nor is looked at."""
        self._laps.pop(cpu.id, None)
        self._suspicions.pop(cpu.id, None)
        self._leave(cpu)

    def wake(self, cpu: Cpu, moment_ps: int) -> None:
        """Let a waiting CPU run from the lap that begins at or after a moment."""
        wait = self._leave(cpu)
        self._laps.pop(cpu.id, None)
        if wait is None:
            return
        start = wait.lap_at(moment_ps)
        cpu.clock_ps = start if wait.ends_ps is None else min(start, wait.ends_ps)
        self._machine.turn(cpu, "running")
        self._machine.reschedule = True

    def clock_of(self, cpu: Cpu) -> int:
        """A CPU's clock in picoseconds; that of a waiting CPU has moved on with the others."""
        wait = self.waiting.get(cpu.id)
        if wait is None:
            return cpu.clock_ps
        return max(wait.lap_at(self._machine.now_ps()), cpu.clock_ps)

    def notify(self, writer: Cpu | None, hpa: Hpa, count: int) -> None:
        """Memory changed: whoever looks at a byte that is another one now may wake up."""
        page = self._machine.ram.page_at(hpa)
        watchers = self._pages.get(page) if page is not None else None
        if not watchers:
            return
        moment = self._machine.now_ps() if writer is None else writer.clock_ps
        read = self._machine.memory.read
        by_loop: dict[int, tuple[Loop, list[int]]] = {}
        for index in sorted(watchers):
            loop = self.waiting[index].loop
            by_loop.setdefault(id(loop), (loop, []))[1].append(index)
        for loop, members in by_loop.values():
            pairs = zip(loop.reads, loop.values, strict=True)
            if any(read(place, size) != old for (place, size, _), old in pairs):
                self._reconsider(members, moment)

    def _reconsider(self, members: list[int], moment_ps: int) -> None:
        """The bytes that one loop looks at have changed: who still goes round in it?"""
        found: list[Loop] = []
        attempts = 0
        for index in members:
            cpu = self._machine.cpus[index]
            loop = next((known for known in found if known.takes(cpu)), None)
            if loop is None and attempts < ATTEMPTS_PER_CHANGE:
                attempts += 1
                loop = self._retrace(cpu, moment_ps)
                found += [loop] if loop is not None else []
            if loop is None:
                self.wake(cpu, moment_ps)
                continue
            old = self._leave(cpu)
            assert old is not None, "a member of a loop waits"
            start = old.lap_at(moment_ps)
            self._enter(cpu, Wait(loop, start, start - 1))

    def _retrace(self, cpu: Cpu, moment_ps: int) -> Loop | None:
        """Execute a lap with memory as it is now; None, and nothing done, if it leaves."""
        machine = self._machine
        wait = self.waiting[cpu.id]
        stored = {hpa for hpa, _ in wait.loop.writes}
        with machine.on_a_copy(cpu, wait.lap_at(moment_ps), wait.loop.writes):
            lap = Lap.begin(cpu)
            while not lap.path or cpu.registers.rip != lap.head:
                if not lap.look(machine, cpu) or {hpa for hpa, _ in lap.writes} - stored:
                    return None
                exit_ = machine.execute_one(cpu)
                if exit_.kind is not ExitKind.BUDGET:
                    if not harmless(cpu, exit_):
                        return None
                    lap.exited(exit_)
                    machine.answer(cpu, exit_)
            loop = lap.loop(machine, cpu)
            return None if loop is None else self._shared(loop)

    # -- loops that end by the clock --------------------------------------------------------

    def moments(self) -> list[tuple[int, int]]:
        """(clock, CPU) of waiting CPUs that matter again by themselves: at the latest at the
        end of the loop, at the earliest at the first lap that has not been tried."""
        return [
            (wait.safe_ps + 1 if wait.ends_ps is None else wait.ends_ps, index)
            for index, wait in self._clocked.items()
        ]

    def look_ahead(self, cpu: Cpu, moment_ps: int) -> None:
        """Find out whether a clock loop comes round up to a moment, or where it ends."""
        wait = self.waiting[cpu.id]
        lap = wait.loop.lap_ps
        span = 2 * (wait.safe_ps - wait.since_ps) + lap
        good, bad = wait.safe_ps, wait.lap_at(max(moment_ps, wait.since_ps + span))
        if bad > HORIZON_PS:
            del self._clocked[cpu.id]
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

    def _know(self, cpu: Cpu, wait: Wait) -> None:
        self.waiting[cpu.id] = self._clocked[cpu.id] = wait

    def _comes_round(self, cpu: Cpu, wait: Wait, start_ps: int) -> bool:
        """Execute one lap at another time, and take it back."""
        loop = wait.loop
        with self._machine.on_a_copy(cpu, start_ps, loop.writes):
            return all(self._lap_step(cpu, rip) for rip in loop.path) and (
                cpu.registers.rip == loop.head
            )

    def _lap_step(self, cpu: Cpu, rip: int) -> bool:
        """One instruction of a tried lap; False where the loop would be left."""
        if cpu.registers.rip != rip:
            return False
        exit_ = self._machine.execute_one(cpu)
        if exit_.kind is ExitKind.BUDGET:
            return True
        if not harmless(cpu, exit_):
            return False
        self._machine.answer(cpu, exit_)
        return True
