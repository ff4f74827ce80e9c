"""Steps by line of source: into calls, over them, and back; code of an inlined function is
called code, wherever the compiler has put it.

A step ends at the first instruction of a statement of another line, in the same function or in
one that is called. Code without line information is passed, and so is the rest of a caller's
line, in the middle of which a function returns.
"""

from typing import Final

from emu.debug import stepping
from emu.debug.desk import Desk, Goal
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.picture.stop import AtPlace, OnLine, Stepped
from emu.timeline import search
from emu.timeline.driver import STRETCH_STEPS
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline

INSTRUCTIONS_MAX: Final = 200_000
"""A line that takes longer waits for something; it takes the host some two seconds."""

SourceLine = tuple[str, int]
"""File and number."""


def _line(desk: Desk, cpu: Cpu) -> SourceLine | None:
    board = desk.machine.board
    return board.layout.lines.line_of(board.origin(cpu))


def _another(desk: Desk, cpu: Cpu, before: SourceLine | None) -> SourceLine | None:
    """The line whose statement begins where a CPU is, if it is not that of before."""
    lines = desk.machine.board.layout.lines
    here = _line(desk, cpu)
    if here is None or here == before or not lines.begins(desk.machine.board.origin(cpu)):
        return None
    return here


def words(line: SourceLine | None) -> str:
    """`main.c:214`, or nothing."""
    return "" if line is None else f"{line[0].rpartition('/')[2]}:{line[1]}"


def _functions(desk: Desk, cpu: Cpu) -> tuple[object, ...]:
    """The functions that a CPU is in, from the one that was called inwards, inlined ones
    too."""
    board = desk.machine.board
    return tuple(one.key for one in board.layout.lines.functions(board.origin(cpu)))[::-1]


class _Lines:
    """How far a command has come."""

    def __init__(self, desk: Desk, cpu: Cpu, count: int, *, over: bool) -> None:
        """`over`: functions that are inlined where it begins are passed, as calls are."""
        self._desk, self._cpu, self._left, self._over = desk, cpu, count, over
        self._before, self._within = _line(desk, cpu), _functions(desk, cpu)
        self._begun = cpu.ticks

    def _is_inside(self) -> bool:
        """Whether the CPU is in a function that is inlined in the one where it began."""
        if not self._over or not self._within:
            return False
        now, depth = _functions(self._desk, self._cpu), len(self._within)
        return len(now) > depth and now[:depth] == self._within

    def done(self) -> bool:
        """Whether the CPU has come to the last of the lines, or to none for too long."""
        desk, cpu = self._desk, self._cpu
        here = _another(desk, cpu, self._before)
        if here is not None and not self._is_inside():
            self._within = _functions(desk, cpu)
            self._before, self._left, self._begun = here, self._left - 1, cpu.ticks
            desk.stop = (OnLine(cpu.id, words(here)),)
            return self._left <= 0
        took = cpu.ticks - self._begun
        if took < INSTRUCTIONS_MAX:
            return False
        desk.stop = (OnLine(cpu.id, words(_line(desk, cpu)), took),)
        return True


def step(desk: Desk, cpu: Cpu, count: int) -> Goal:
    """COUNT lines of one CPU, by hand: the others stand still."""
    lines = _Lines(desk, cpu, count, over=False)
    desk.stop = (Stepped(cpu.id),)

    def goal() -> bool:
        for _ in range(STRETCH_STEPS):
            if stepping.stuck(desk, cpu):
                return True
            stepping.one(desk, cpu)
            if stepping.met(desk, cpu) or lines.done():
                return True
        return False

    return goal


def over(desk: Desk, cpu: Cpu, count: int) -> Goal:
    """COUNT lines; a call on the way runs to its return, and the other CPUs with it, and an
    inlined one is passed."""
    lines, part = _Lines(desk, cpu, count, over=True), stepping.piece(desk, cpu)

    def goal() -> bool:
        nonlocal part
        for _ in range(STRETCH_STEPS):
            if not part():
                return False
            reached = all(isinstance(stop, AtPlace | Stepped) for stop in desk.stop)
            if not reached or stepping.stuck(desk, cpu) or lines.done():
                return True
            desk.breakpoints.forget_temporary()
            part = stepping.piece(desk, cpu)
        return False

    return goal


def back(desk: Desk, cpu: Cpu, count: int) -> None:
    """Back to where the CPU came to the line that it executed last, COUNT times; raises
    CommandError."""
    found = _came_to(desk.timeline, desk, cpu, count)
    if found is None:
        raise CommandError(f"cpu {cpu.id} has executed no such line before this moment")
    desk.timeline.goto(found)
    desk.stop = (OnLine(cpu.id, words(_line(desk, cpu))),)


def _came_to(timeline: Timeline, desk: Desk, cpu: Cpu, count: int) -> Moment | None:
    """Before the first of the instructions in a row that are of one line, of the COUNT-th such
    row before this moment; one pass over the past, however many are wanted."""
    board, left = desk.machine.board, count
    line: SourceLine | None = None
    first: Moment | None = None
    with search.from_here(timeline):
        for visits in search.trace(timeline, cpu.id, timeline.now):
            for visit in reversed(visits):
                at = board.copies.original(cpu.registers, visit.address)
                there = board.layout.lines.line_of(at)
                if line is not None and there != line:
                    left -= 1
                    if not left:
                        return first
                    line = None
                if there is not None:
                    line, first = there, visit.before
    return first if left == 1 else None
