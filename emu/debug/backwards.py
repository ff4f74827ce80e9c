"""Running backwards: to the newest thing before now that would have stopped a run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from emu.debug import stops
from emu.debug.catch import LOGS, REGISTERS, Catch
from emu.debug.travel import at_tick, change_text, go, mode_text, register_told
from emu.machine.probe import Access
from emu.picture.view import StopReason
from emu.timeline import search
from emu.timeline.moment import START, Moment
from emu.timeline.search import Visit
from emu.words.place import RegisterPlace

if TYPE_CHECKING:
    from emu.debug.session import Session


Before = tuple[Moment, tuple[StopReason, ...]]
"""The newest state before something that stops, and what is told of it there."""


def reverse_run(session: "Session") -> None:
    """Back to right before the newest thing that would have stopped a run."""
    with search.from_here(session.timeline):
        found = [
            *_breaks(session),
            *_changes(session),
            *_entries(session),
            *_registers(session),
        ]
    newest = max((before for before, _ in found), default=None)
    if newest is None:
        go(session, START, "nothing stopped before: this is the beginning")
        return
    session.timeline.goto(newest)
    session.stop = tuple(
        reason for before, reasons in found if before == newest for reason in reasons
    )
    who = session.stop[0].cpu
    session.focus = session.focus if who is None else who


def _just_before(session: "Session", moment: Moment) -> Moment:
    """The newest state before a moment; the machine is there."""
    timeline = session.timeline
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


def _breaks(session: "Session") -> Iterator[Before]:
    visit = _last_break(session)
    if visit is None:
        return
    session.timeline.goto(visit.before)
    cpu = session.machine.board.cpus[visit.cpu]
    yield (
        visit.before,
        tuple(
            StopReason(
                cpu.id, "breakpoint", stops.reason_text(session, point, visit.address, cpu.id)
            )
            for point in session.breakpoints.listed
            if point.stops(visit.address, cpu.id) and stops.holds(session, point, cpu)
        ),
    )


def _last_break(session: "Session") -> Visit | None:
    points = session.breakpoints.listed
    addresses = frozenset(address for point in points for address in point.addresses)
    if not addresses:
        return None

    def stopped(visit: Visit) -> bool:
        there = [point for point in points if point.stops(visit.address, visit.cpu)]
        if any(point.condition for point in there):
            session.timeline.goto(visit.before)
        cpu = session.machine.board.cpus[visit.cpu]
        return any(stops.holds(session, point, cpu) for point in there)

    return search.last_visit(session.timeline, addresses, None, stopped)


def _changes(session: "Session") -> Iterator[Before]:
    """The newest of every watchpoint."""
    for watch in session.watchpoints.listed:
        with search.from_here(session.timeline):
            access = search.last_access(
                session.timeline, watch.where, watch.wants, reads=watch.reads
            )
            if access is None:
                continue
            before = _before_access(session, access)
            text = change_text(session, watch, access)
        yield before, (StopReason(access.cpu, "watch", text),)


def _before_access(session: "Session", access: Access) -> Moment:
    """Where an access is about to be made; what a person did has a place of its own."""
    if access.cpu is None:
        before = at_tick(session, access.tick)
        session.timeline.goto(before)
        return before
    return _just_before(session, at_tick(session, access.tick))


def _entries(session: "Session") -> Iterator[Before]:
    """Of each log the newest caught entries, all that were made at one moment."""
    for name in LOGS:
        if not session.catches.reads(name):
            continue
        entries = stops.log(session, name)
        place = len(entries) - 1
        while place >= 0 and not session.catches.of(name, entries[place]):
            place -= 1
        if place < 0:
            continue
        with search.from_here(session.timeline):
            stops.behind_event(session, name, place)
            made = list(range(len(entries)))
            before = _just_before(session, session.timeline.now)
            made = made[len(entries) :]
        yield (
            before,
            tuple(
                StopReason(
                    entries[place].cpu, "catch", stops.caught_text(catch, entries[place])
                )
                for place in made
                for catch in session.catches.of(name, entries[place])
            ),
        )


def _registers(session: "Session") -> Iterator[Before]:
    for catch in session.catches.listed:
        for name in REGISTERS.get(catch.kind, ()):
            found = _register_before(session, catch, name)
            if found is not None:
                yield found


def _register_before(session: "Session", catch: Catch, register: str) -> Before | None:
    """The newest change of a register of any CPU; of a mode, only one that changes it."""
    where = RegisterPlace(register, None, register)
    name = f"catch {catch.number}: {catch.kind}"
    with search.from_here(session.timeline):

        def counts(access: Access) -> bool:
            if catch.kind != "mode":
                return access.before != access.after
            mode = register_told(session, access, name)[1]
            return mode[0] != mode[1]

        access = search.last_access(session.timeline, where, counts)
        if access is None:
            return None
        text, mode = register_told(session, access, name)
        if catch.kind == "mode":
            text = mode_text(name, mode, text)
        before = _before_access(session, access)
    return before, (StopReason(access.cpu, "catch", text),)
