"""Running backwards: to the newest thing before now that would have stopped a run."""

from collections.abc import Iterator

from emu.debug import stops, telling
from emu.debug.breakpoint import Breakpoint
from emu.debug.catch import LOGS, REGISTERS, Catch, Catches
from emu.debug.desk import Desk
from emu.debug.moments import at_tick
from emu.debug.watchpoint import Watchpoint
from emu.machine.probe import Access
from emu.picture.stop import Stop, Travelled
from emu.timeline import search
from emu.timeline.moment import START, Moment
from emu.timeline.search import Visit
from emu.timeline.timeline import Timeline
from emu.words.place import RegisterPlace

Before = tuple[Moment, tuple[Stop, ...]]
"""The newest state before something that stops, and what is told of it there."""


def reverse_run(desk: Desk) -> None:
    """Back to right before the newest thing that would have stopped a run."""
    timeline = desk.timeline
    with search.from_here(timeline):
        found = [
            *_breaks(timeline, desk.breakpoints.listed),
            *_changes(timeline, desk.watchpoints.listed),
            *_entries(timeline, desk.catches),
            *_registers(timeline, desk.catches.listed),
        ]
    newest = max((before for before, _ in found), default=None)
    if newest is None:
        timeline.goto(START)
        desk.stop = (Travelled(None, desk.machine.board.tick, "beginning"),)
        return
    timeline.goto(newest)
    desk.stop = tuple(
        reason for before, reasons in found if before == newest for reason in reasons
    )
    who = desk.stop[0].cpu
    desk.focus = desk.focus if who is None else who


def _just_before(timeline: Timeline, moment: Moment) -> Moment:
    """The newest state before a moment; the machine is there."""
    timeline.goto(moment)
    here = timeline.now
    for wanted in (
        Moment(here.tick, max(here.beat - 1, 0)),
        Moment(max(here.tick - 1, 0), here.beat),
        Moment(max(here.tick - 1, 0)),
    ):
        timeline.goto(wanted)
        if timeline.now < here:
            break
    return timeline.now


def _breaks(timeline: Timeline, points: list[Breakpoint]) -> Iterator[Before]:
    visit = _last_break(timeline, points)
    if visit is None:
        return
    timeline.goto(visit.before)
    machine = timeline.machine
    cpu = machine.board.cpus[visit.cpu]
    yield (
        visit.before,
        tuple(
            stops.stop_at(machine, point, cpu)
            for point in points
            if point.stops(visit.address, cpu.id) and stops.holds(machine, point, cpu)
        ),
    )


def _last_break(timeline: Timeline, points: list[Breakpoint]) -> Visit | None:
    addresses = frozenset(address for point in points for address in point.addresses)
    if not addresses:
        return None

    def stopped(visit: Visit) -> bool:
        there = [point for point in points if point.stops(visit.address, visit.cpu)]
        if any(point.condition for point in there):
            timeline.goto(visit.before)
        cpu = timeline.machine.board.cpus[visit.cpu]
        return any(stops.holds(timeline.machine, point, cpu) for point in there)

    return search.last_visit(timeline, addresses, None, stopped)


def _changes(timeline: Timeline, watches: list[Watchpoint]) -> Iterator[Before]:
    """The newest of every watchpoint."""
    for watch in watches:
        with search.from_here(timeline):
            access = search.last_access(timeline, watch.where, watch.wants, reads=watch.reads)
            if access is None:
                continue
            before = _before_access(timeline, access)
            told = telling.watched(timeline.machine, watch, access)
        yield before, (told,)


def _before_access(timeline: Timeline, access: Access) -> Moment:
    """Where an access is about to be made; what a person did has a place of its own."""
    if access.cpu is None:
        before = at_tick(timeline, access.tick)
        timeline.goto(before)
        return before
    return _just_before(timeline, at_tick(timeline, access.tick))


def _entries(timeline: Timeline, catches: Catches) -> Iterator[Before]:
    """Of each log the newest caught entries, all that were made at one moment."""
    for name in LOGS:
        if not catches.reads(name):
            continue
        entries = stops.log(timeline.machine.board.logs, name)
        place = len(entries) - 1
        while place >= 0 and not catches.of(name, entries[place]):
            place -= 1
        if place < 0:
            continue
        with search.from_here(timeline):
            stops.behind_event(timeline, name, place)
            made = list(range(len(entries)))
            before = _just_before(timeline, timeline.now)
            made = made[len(entries) :]
        yield (
            before,
            tuple(
                stops.caught_event(catch, entries[place])
                for place in made
                for catch in catches.of(name, entries[place])
            ),
        )


def _registers(timeline: Timeline, catches: list[Catch]) -> Iterator[Before]:
    for catch in catches:
        for name in REGISTERS.get(catch.kind, ()):
            found = _register_before(timeline, catch, name)
            if found is not None:
                yield found


def _register_before(timeline: Timeline, catch: Catch, register: str) -> Before | None:
    """The newest change of a register of any CPU; of a mode, only one that changes it."""
    where = RegisterPlace(register, None, register)
    with search.from_here(timeline):

        def counts(access: Access) -> bool:
            if catch.kind != "mode":
                return access.before != access.after
            return telling.counts(telling.caught(timeline, catch, register, access))

        access = search.last_access(timeline, where, counts)
        if access is None:
            return None
        told = telling.caught(timeline, catch, register, access)
        before = _before_access(timeline, access)
    return before, (told,)
