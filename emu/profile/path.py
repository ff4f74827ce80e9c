"""The critical path: backwards from the end of a boot along who waited for whom to power-on.

Whatever is not on it could be faster, and the boot would take as long. Its parts join without
a gap, so they add up to the whole time, to the picosecond.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

from emu.machine.log import WakeCause
from emu.machine.machine import Machine
from emu.profile.basis import Basis
from emu.profile.course import Courses, Piece
from emu.profile.times import kind_of
from emu.profile.waterfall_view import StepAt

RUNS: Final = "runs"
_OWN: Final[dict[WakeCause, str]] = {
    "started": "off until the host starts it", "interrupted": "asleep until an interrupt",
    "timer": "asleep until its timer", "memory": "asleep until bytes change",
    "monitored": "in MWAIT until a store to its line",
    "clock": "waits for its clock", "buffer": "asleep until its stores are seen",
    "stepped": "asleep until it is stepped", "disturbed": "asleep, and looks again",
    "delayed": "gets no time from the host",
}  # fmt: skip
"""What a stretch is that no other CPU has ended."""
_LATE: Final[dict[WakeCause, str]] = {
    "started": "starts", "interrupted": "takes an interrupt", "memory": "sees the store",
    "monitored": "leaves MWAIT",
}  # fmt: skip
"""What a CPU does between another one's doing and going on."""


class End(NamedTuple):
    """Where a boot ends, for the path to begin at."""

    cpu: int
    ps: int
    words: str


class PathStretch(NamedTuple):
    """One CPU's part of the path."""

    cpu: int
    begin_ps: int
    end_ps: int
    tick: int
    why: str
    pace_ps: int = 0
    """How long each of its instructions took; 0 where it did not run."""


def end_of(basis: Basis) -> End:
    """The switching off; else the moment at which the last AP came online, unless one that was
    called is still on its way or lost; else what anybody has executed last."""
    machine = basis.machine
    if machine.board.powered_off:
        last = machine.board.logs.exits[len(machine.board.logs.exits) - 1].cpu
        if last is not None:
            return End(last, machine.board.cpus[last].clock_ps, "switches the machine off")
    online = [
        (step.ns, cpu, step.tick)
        for cpu, steps in basis.steps
        for step in steps
        if step.step == "online"
    ]
    if online and not any(_is_called(steps) for _, steps in basis.steps):
        ns, cpu, tick = max(online)
        others = len(basis.steps) - len(online)
        words = f"is the last of {len(online):,} to come online, {others:,} are not"
        ps = _exact(basis.courses, cpu, tick, ns)
        return End(cpu, ps, words if others else "is the last to come online")
    return _latest(machine, basis.courses)


def _is_called(steps: tuple[StepAt, ...]) -> bool:
    """Whether somebody waits for an AP: a wake-up has named it, or a start where it is not to
    park; and it is not online."""
    names = {one.step for one in steps}
    starts = bool(names) and "parked" not in names
    return "online" not in names and ("command" in names or starts)


def _exact(courses: Courses, cpu: int, tick: int, ns: int) -> int:
    """The picosecond of a CPU's clock at a tick, of which the nanosecond is known."""
    for one in courses.of(cpu):
        if one.ticks and one.tick <= tick <= one.tick + one.ticks:
            ps = one.begin_ps + (one.end_ps - one.begin_ps) // one.ticks * (tick - one.tick)
            if ps // 1000 == ns:
                return ps
    return ns * 1000


def _latest(machine: Machine, courses: Courses) -> End:
    """The end of what was executed last."""
    ends = [
        (one.end_ps, -cpu.id)
        for cpu in machine.board.cpus
        if (one := next((p for p in reversed(courses.of(cpu.id)) if not p.woken), None))
    ]
    ps, cpu = max(ends, default=(0, 0))
    return End(-cpu, ps, "executes last")


def walk(courses: Courses, end: End) -> Iterator[PathStretch]:
    """The path, newest first."""
    cpu, at, seen = end.cpu, end.ps, set[tuple[int, int]]()
    index = _index(courses, cpu, at)
    while at > 0 and index >= 0:
        piece = courses.of(cpu)[index]
        index -= 1
        if piece.begin_ps >= at and not _begins(piece):
            continue
        by = _who(piece, cpu, at)
        if by is None or (by, at) in seen:
            if piece.begin_ps < at:
                yield _own(cpu, piece, at)
                at = piece.begin_ps
            continue
        assert piece.woken is not None, "somebody has ended it"
        cause = piece.woken.cause_ps
        if cause < at:
            yield PathStretch(cpu, cause, at, piece.tick, _LATE.get(piece.woken.why, "goes on"))
        seen.add((cpu, at))
        cpu, at = by, cause
        index = _index(courses, cpu, at)


def _index(courses: Courses, cpu: int, at: int) -> int:
    """The piece in which a moment lies, or at whose end."""
    pieces = courses.of(cpu)
    return bisect_left(pieces, at, key=lambda one: one.begin_ps) - 1


def _begins(piece: Piece) -> bool:
    """Whether a CPU begins at its first instruction, even if no time passes by that."""
    return piece.woken is not None and piece.woken.why == "started"


def _who(piece: Piece, cpu: int, at: int) -> int | None:
    """The CPU that has ended a stretch of standing still, if that was why it took so long."""
    one = piece.woken
    if one is None or one.by is None or one.by == cpu or one.cause_ps > at:
        return None
    return one.by if one.cause_ps >= one.from_ps or one.why == "started" else None


def _own(cpu: int, piece: Piece, at: int) -> PathStretch:
    if piece.asked is not None:
        return PathStretch(cpu, piece.begin_ps, at, piece.tick, kind_of(piece.asked))
    if piece.woken is not None:
        return PathStretch(cpu, piece.begin_ps, at, piece.tick, _OWN[piece.woken.why])
    pace = (piece.end_ps - piece.begin_ps) // piece.ticks
    return PathStretch(cpu, piece.begin_ps, at, piece.tick, RUNS, pace)
