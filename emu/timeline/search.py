"""Questions to the past: stretches between checkpoints are run once more, and looked at.

Every search leaves the machine where it was, to the bit. The newest stretch is looked at first,
and those in which the undo log has no write to the page in question are passed over.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from emu.machine.board import Probe
from emu.machine.probe import Access, CodeProbe, FirstLoad, MemoryProbe, RegisterProbe
from emu.timeline.checkpoint import Checkpoint
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline
from emu.words.place import MemoryPlace, Place, RegisterPlace, value

_PAGE = ~0xFFF
NEAR_TICKS: Final = 4_096
"""The newest instructions of a stretch are looked at alone first: most answers are near."""
FURTHER: Final = 8
"""So many times as many in each piece before it."""


class Visit(Struct, frozen=True):
    """A CPU is about to execute an instruction."""

    before: Moment
    """The state in which it is."""
    tick: int
    """The tick that the instruction ends."""
    cpu: int
    address: int


@contextmanager
def from_here(timeline: Timeline) -> Iterator[None]:
    """Whatever is looked at meanwhile, the machine comes back to where it is."""
    here = timeline.now
    _ = timeline.end  # known before we leave it
    try:
        yield
    finally:
        timeline.machine.board.look_at()
        timeline.goto(here)


def _stretches(timeline: Timeline, before: Moment) -> Iterator[tuple[Checkpoint, Moment, bool]]:
    """(checkpoint, end, whether the next checkpoint is the end), newest first."""
    index = timeline.branch.before(before)
    points = list(timeline.branch.points[: index + 1])
    end, whole = before, False
    for point in reversed(points):
        if point.moment < end:
            yield point, end, whole
        end, whole = point.moment, True


def _pieces(
    timeline: Timeline, before: Moment, cpu: int | None
) -> Iterator[tuple[Moment, Moment]]:
    """(start, end) of the pieces in which a CPU, or (None) anyone, has executed, newest first.
    Going to a piece costs little beside looking at each instruction in it."""
    lanes = timeline.machine.board.logs.lanes
    for start, end in _cut(timeline, before):
        runs = lanes.runs(start.tick, end.tick)
        if cpu is None or any(run.cpu == cpu for run in runs):
            yield start, end


def _cut(timeline: Timeline, before: Moment) -> Iterator[tuple[Moment, Moment]]:
    """All stretches, each as a small piece at its end and larger ones before."""
    for point, end, _ in _stretches(timeline, before):
        size = NEAR_TICKS
        while end.tick - size > point.moment.tick:
            start = Moment(end.tick - size)
            yield start, end
            end, size = start, size * FURTHER
        yield point.moment, end


def _replay(timeline: Timeline, start: Moment, end: Moment, *probes: Probe) -> None:
    """Run one stretch again and look."""
    timeline.goto(start)
    timeline.machine.board.look_at(*probes)
    timeline.retrace(end)
    timeline.machine.board.look_at()


def probe_for(where: Place, *, reads: bool = False) -> MemoryProbe | RegisterProbe:
    """What looks at a place."""
    if isinstance(where, RegisterPlace):
        return RegisterProbe(where.cpu, where.register)
    return MemoryProbe(where.hpa, where.size, reads)


def last_access(
    timeline: Timeline, where: Place, accept: Callable[[Access], bool], *, reads: bool = False
) -> Access | None:
    """The newest accepted access before now; None if there is none since power-on."""
    with from_here(timeline):
        before = timeline.now
        ends = {id(p.parent): p for p in timeline.branch.points if p.parent is not None}
        for point, end, whole in _stretches(timeline, before):
            if whole and not reads and _untouched(timeline, point, ends[id(point)], where):
                continue
            probe = probe_for(where, reads=reads)
            _replay(timeline, point.moment, end, probe)
            found = [a for a in probe.found if accept(a) and a.tick <= before.tick]
            if found:
                access = found[-1]
                walked = access.doing == "walk"
                return _exactly(timeline, point, where, access) if walked else access
    return None


def last_changes(
    timeline: Timeline, wanted: Iterable[MemoryPlace], most: int
) -> dict[MemoryPlace, Access | None]:
    """The newest change of each place before now; None: as it was at power-on. What is absent
    was not found within `most` instructions that were run again."""
    left, found = list(wanted), dict[MemoryPlace, Access | None]()
    with from_here(timeline):
        before = timeline.now
        ends = {id(p.parent): p for p in timeline.branch.points if p.parent is not None}
        for point, end, whole in _stretches(timeline, before):
            some = [
                one
                for one in left
                if not (whole and _untouched(timeline, point, ends[id(point)], one))
            ]
            if not some:
                continue
            most -= end.tick - point.moment.tick
            if most < 0:
                return found
            found |= _changes(timeline, point, end, some)
            left = [one for one in left if one not in found]
    return found | dict.fromkeys(left)


def _changes(
    timeline: Timeline, point: Checkpoint, end: Moment, wanted: list[MemoryPlace]
) -> dict[MemoryPlace, Access | None]:
    """The newest change of each place within one stretch, of those that have one there."""
    probes = [MemoryProbe(where.hpa, where.size) for where in wanted]
    _replay(timeline, point.moment, end, *probes)
    return {
        where: changes[-1]
        for where, probe in zip(wanted, probes, strict=True)
        if (changes := [one for one in probe.found if one.before != one.after])
    }


def _untouched(timeline: Timeline, start: Checkpoint, end: Checkpoint, where: Place) -> bool:
    """Whether nobody can have written to a place between two checkpoints: its page is not
    among those that changed; or its CPU has executed nothing and is as it was."""
    if isinstance(where, MemoryPlace):
        pages = range(where.hpa & _PAGE, where.hpa + where.size, 4096)
        return not any(page in end.images for page in pages)
    if where.cpu is None:
        return False
    if end.snapshot.cpus[where.cpu] is not start.snapshot.cpus[where.cpu]:
        return False
    runs = timeline.machine.board.logs.lanes.runs(start.moment.tick, end.moment.tick)
    return all(run.cpu != where.cpu for run in runs)


def _exactly(timeline: Timeline, point: Checkpoint, where: Place, access: Access) -> Access:
    """A change by a page walk is only known to have happened by some tick: find which."""
    first, last = point.moment.tick, access.tick
    wanted = int.from_bytes(access.after, "little")
    while last - first > 1:
        middle = (first + last) // 2
        timeline.goto(Moment(middle))
        if value(timeline.machine, where) == wanted:
            last = middle
        else:
            first = middle
    return access._replace(tick=last)


def last_visit(
    timeline: Timeline,
    addresses: frozenset[int],
    cpu: int | None,
    accept: Callable[[Visit], bool],
    before: Moment | None = None,
) -> Visit | None:
    """The newest accepted execution at some addresses before a moment (now)."""
    with from_here(timeline):
        for start, end in _pieces(timeline, before or timeline.now, cpu):
            probe = CodeProbe(addresses, cpu)
            _replay(timeline, start, end, probe)
            for visit in reversed(visits(timeline, probe)):
                if visit.before < end and accept(visit):
                    return visit
    return None


def visits(timeline: Timeline, probe: CodeProbe) -> list[Visit]:
    """What a probe saw, oldest first; an instruction that was begun twice counts once."""
    once = {(tick, cpu): (beat, address) for tick, beat, cpu, address in probe.found}
    entered = [(entry.tick, entry.beat) for entry in timeline.branch.entries]

    def moment(tick: int, beat: int) -> Moment:
        return Moment(tick, beat, bisect_right(entered, (tick, beat)))

    return [
        Visit(moment(tick - 1, beat), tick, cpu, address)
        for (tick, cpu), (beat, address) in once.items()
    ]


def trace(timeline: Timeline, cpu: int, before: Moment) -> Iterator[list[Visit]]:
    """All that one CPU executed before a moment: stretch by stretch, newest first, each in
    order of time. The machine stands somewhere in between meanwhile."""
    for start, end in _pieces(timeline, before, cpu):
        probe = CodeProbe(frozenset(), cpu)
        _replay(timeline, start, end, probe)
        yield visits(timeline, probe)


def first_load(timeline: Timeline, where: MemoryPlace) -> tuple[int, Access] | None:
    """(byte of the place, access) of the first load from it since power-on and up to now, by an
    instruction of the guest; None if there is none."""
    probe = FirstLoad(where.hpa, where.size)
    with from_here(timeline):
        here, end, size = timeline.now, Moment(0), NEAR_TICKS
        timeline.goto(end)
        timeline.machine.board.look_at(probe)
        while probe.found is None and end < here:
            end, size = min(Moment(end.tick + size), here), size * FURTHER
            timeline.retrace(end)
    return probe.found


def all_accesses(timeline: Timeline, probe: Probe) -> None:
    """Look through everything from power-on until now."""
    with from_here(timeline):
        here = timeline.now
        timeline.goto(Moment(0))
        timeline.machine.board.look_at(probe)
        timeline.retrace(here)
