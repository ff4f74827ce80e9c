"""Running backwards: to the newest thing before now that would have stopped a run."""

from collections.abc import Iterator

from emu.debug import stops
from emu.debug.catch import LOGS, REGISTERS, Catch
from emu.debug.desk import Desk
from emu.debug.travel import at_tick, change_text, go, mode_text, register_told
from emu.machine.probe import Access
from emu.picture.view import StopReason
from emu.timeline import search
from emu.timeline.moment import START, Moment
from emu.timeline.search import Visit
from emu.words.place import RegisterPlace

Before = tuple[Moment, tuple[StopReason, ...]]
"""The newest state before something that stops, and what is told of it there."""


def reverse_run(desk: Desk) -> None:
    """Back to right before the newest thing that would have stopped a run."""
    with search.from_here(desk.timeline):
        found = [
            *_breaks(desk),
            *_changes(desk),
            *_entries(desk),
            *_registers(desk),
        ]
    newest = max((before for before, _ in found), default=None)
    if newest is None:
        go(desk, START, "nothing stopped before: this is the beginning")
        return
    desk.timeline.goto(newest)
    desk.stop = tuple(
        reason for before, reasons in found if before == newest for reason in reasons
    )
    who = desk.stop[0].cpu
    desk.focus = desk.focus if who is None else who


def _just_before(desk: Desk, moment: Moment) -> Moment:
    """The newest state before a moment; the machine is there."""
    timeline = desk.timeline
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


def _breaks(desk: Desk) -> Iterator[Before]:
    visit = _last_break(desk)
    if visit is None:
        return
    desk.timeline.goto(visit.before)
    cpu = desk.machine.cpus[visit.cpu]
    yield (
        visit.before,
        tuple(
            StopReason(
                cpu.id, "breakpoint", stops.reason_text(desk, point, visit.address, cpu.id)
            )
            for point in desk.breakpoints.listed
            if point.stops(visit.address, cpu.id) and stops.holds(desk, point, cpu)
        ),
    )


def _last_break(desk: Desk) -> Visit | None:
    points = desk.breakpoints.listed
    addresses = frozenset(address for point in points for address in point.addresses)
    if not addresses:
        return None

    def stopped(visit: Visit) -> bool:
        there = [point for point in points if point.stops(visit.address, visit.cpu)]
        if any(point.condition for point in there):
            desk.timeline.goto(visit.before)
        cpu = desk.machine.cpus[visit.cpu]
        return any(stops.holds(desk, point, cpu) for point in there)

    return search.last_visit(desk.timeline, addresses, None, stopped)


def _changes(desk: Desk) -> Iterator[Before]:
    """The newest of every watchpoint."""
    for watch in desk.watchpoints.listed:
        with search.from_here(desk.timeline):
            access = search.last_access(
                desk.timeline, watch.where, watch.wants, reads=watch.reads
            )
            if access is None:
                continue
            before = _before_access(desk, access)
            text = change_text(desk, watch, access)
        yield before, (StopReason(access.cpu, "watch", text),)


def _before_access(desk: Desk, access: Access) -> Moment:
    """Where an access is about to be made; what a person did has a place of its own."""
    if access.cpu is None:
        before = at_tick(desk, access.tick)
        desk.timeline.goto(before)
        return before
    return _just_before(desk, at_tick(desk, access.tick))


def _entries(desk: Desk) -> Iterator[Before]:
    """Of each log the newest caught entries, all that were made at one moment."""
    for name in LOGS:
        if not desk.catches.reads(name):
            continue
        entries = stops.log(desk, name)
        place = len(entries) - 1
        while place >= 0 and not desk.catches.of(name, entries[place]):
            place -= 1
        if place < 0:
            continue
        with search.from_here(desk.timeline):
            stops.behind_event(desk, name, place)
            made = list(range(len(entries)))
            before = _just_before(desk, desk.timeline.now)
            made = made[len(entries) :]
        yield (
            before,
            tuple(
                StopReason(
                    entries[place].cpu, "catch", stops.caught_text(catch, entries[place])
                )
                for place in made
                for catch in desk.catches.of(name, entries[place])
            ),
        )


def _registers(desk: Desk) -> Iterator[Before]:
    for catch in desk.catches.listed:
        for name in REGISTERS.get(catch.kind, ()):
            found = _register_before(desk, catch, name)
            if found is not None:
                yield found


def _register_before(desk: Desk, catch: Catch, register: str) -> Before | None:
    """The newest change of a register of any CPU; of a mode, only one that changes it."""
    where = RegisterPlace(register, None, register)
    name = f"catch {catch.number}: {catch.kind}"
    with search.from_here(desk.timeline):

        def counts(access: Access) -> bool:
            if catch.kind != "mode":
                return access.before != access.after
            mode = register_told(desk, access, name)[1]
            return mode[0] != mode[1]

        access = search.last_access(desk.timeline, where, counts)
        if access is None:
            return None
        text, mode = register_told(desk, access, name)
        if catch.kind == "mode":
            text = mode_text(name, mode, text)
        before = _before_access(desk, access)
    return before, (StopReason(access.cpu, "catch", text),)
