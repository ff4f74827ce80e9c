"""Each CPU's clock taken apart, to the picosecond: what it ran, what its exits cost, and the
stretches that it did not see, with who ended them. Made of the logs alone."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from emu.hw.cpu import Cpu
from emu.machine.log import Run, Woken
from emu.machine.machine import Machine
from emu.vmm.asked import Asked


class Priced(NamedTuple):
    """One exit: the tick before it, and what it cost."""

    tick: int
    asked: Asked
    price_ps: int


class Piece(NamedTuple):
    """A stretch of one CPU's clock. It ran, unless an exit or a wake stands there."""

    begin_ps: int
    end_ps: int
    tick: int
    """The machine's tick at the beginning."""
    ticks: int = 0
    """Instructions that the CPU executed in it."""
    asked: Asked | None = None
    woken: Woken | None = None


class Courses:
    """The pieces of every CPU up to now; of each as they are asked for."""

    def __init__(self, machine: Machine, breathe: Callable[[], None] = lambda: None) -> None:
        """`breathe`: is called before a clock is taken apart, and may raise: of a thousand
        CPUs that takes so long that somebody may want to look up."""
        self.machine = machine
        self._breathe = breathe
        self.board = machine.board
        self._known: dict[int, tuple[Piece, ...]] = {}

    @cached_property
    def runs(self) -> dict[int, list[Run]]:
        """By CPU: who executed when."""
        found: dict[int, list[Run]] = {cpu.id: [] for cpu in self.board.cpus}
        for run in self.board.logs.lanes.runs(0, self.board.tick):
            if run.last > run.first:
                found[run.cpu].append(run)
        return found

    @cached_property
    def exits(self) -> dict[int, list[Priced]]:
        """By CPU: what it asked for."""
        found: dict[int, list[Priced]] = {cpu.id: [] for cpu in self.board.cpus}
        for tick, _, cpu, asked, price_ps, _ in self.board.logs.exits.stored():
            found[cpu].append(Priced(tick, asked, price_ps))
        return found

    @cached_property
    def woken(self) -> dict[int, list[Woken]]:
        """By CPU: where it went on."""
        found: dict[int, list[Woken]] = {cpu.id: [] for cpu in self.board.cpus}
        for one in self.board.logs.woken:
            found[one.cpu].append(one)
        return found

    def of(self, cpu: int) -> tuple[Piece, ...]:
        """A CPU's pieces, oldest first, without gaps up to its clock; those of no length are
        left out, but for wakes."""
        if cpu not in self._known:
            self._breathe()
            self._known[cpu] = tuple(_TakenApart(self, self.board.cpus[cpu]).pieces())
        return self._known[cpu]


class _TakenApart:
    """One clock while it is taken apart."""

    def __init__(self, courses: Courses, cpu: Cpu) -> None:
        self._runs = courses.runs[cpu.id]
        self._exits, self._woken = deque(courses.exits[cpu.id]), deque(courses.woken[cpu.id])
        self._cpu, self._clock, self._own = cpu, 0, 0
        self._speed = _Speed(courses, cpu)

    def pieces(self) -> Iterator[Piece]:
        """All of them."""
        for run in self._runs:
            yield from self._moved(run.first)
            at = run.first
            while (following := self._next_tick()) is not None and following < run.last:
                yield from self._ran(at, following)
                at = following
                yield from self._moved(at)
            yield from self._ran(at, run.last)
        yield from self._moved(None)

    def _next_tick(self) -> int | None:
        ticks = [queue[0].tick for queue in (self._exits, self._woken) if queue]
        return min(ticks, default=None)

    def _ran(self, first: int, last: int) -> Iterator[Piece]:
        if last > first:
            end = self._clock + self._speed.ps(self._own, last - first)
            yield Piece(self._clock, end, first, last - first)
            self._clock, self._own = end, self._own + last - first

    def _moved(self, tick: int | None) -> Iterator[Piece]:
        """What moved the clock up to a tick, or (None) behind the last instruction. Of an exit
        and a wake at one tick, that one was first at whose moment the clock stands."""
        exits, woken = self._exits, self._woken
        while (following := self._next_tick()) is not None:
            if tick is not None and following > tick:
                return
            wakes = bool(woken) and woken[0].tick == following
            if wakes and exits and exits[0].tick == following:
                wakes = woken[0].from_ps == self._clock
            yield from self._slept(woken.popleft()) if wakes else self._left(exits.popleft())

    def _slept(self, one: Woken) -> Iterator[Piece]:
        begin, self._clock = self._clock, self._clock + one.to_ps - one.from_ps
        yield Piece(begin, self._clock, one.tick, woken=one)

    def _left(self, one: Priced) -> Iterator[Piece]:
        if one.price_ps:
            begin, self._clock = self._clock, self._clock + one.price_ps
            yield Piece(begin, self._clock, one.tick, asked=one.asked)


class _Speed:
    """How long instructions took: where the speed was changed on the way (an injection), the
    instructions of before are as many as the whole time tells."""

    def __init__(self, courses: Courses, cpu: Cpu) -> None:
        board = courses.board
        self._now = cpu.ps_per_instruction
        self._first = board.platform.ps_per_instruction(cpu.id)
        still = sum(one.price_ps for one in courses.exits[cpu.id])
        still += sum(one.to_ps - one.from_ps for one in courses.woken[cpu.id])
        whole = cpu.clock_ps - still
        change = self._now - self._first
        self._before = (cpu.ticks * self._now - whole) // change if change else 0

    def ps(self, own: int, count: int) -> int:
        """The length of `count` instructions behind the CPU's first `own`."""
        early = min(max(self._before - own, 0), count)
        return early * self._first + (count - early) * self._now
