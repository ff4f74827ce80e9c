"""Running backwards: to the newest thing before now that would have stopped a run."""

from typing import TYPE_CHECKING

from emu.debug import search, stops
from emu.debug.catch import LOGS, REGISTERS, Catch
from emu.debug.moment import START, Moment
from emu.debug.place import RegisterPlace
from emu.debug.search import Visit
from emu.debug.travel import at_tick, before_change, behind_register, go, mode_text
from emu.debug.view import StopReason
from emu.debug.watchpoint import Watchpoint
from emu.machine.probe import Access

if TYPE_CHECKING:
    from emu.debug.session import Session


def reverse_run(session: "Session") -> None:
    """Back to the newest place where a breakpoint or a watchpoint would have stopped."""
    visit = _last_break(session)
    changes = [(watch, _last_change(session, watch)) for watch in session.watchpoints.listed]
    seen = [(watch, access) for watch, access in changes if access is not None]
    newest = max(seen, key=lambda pair: pair[1].tick, default=None)
    caught = caught_before(session)
    ticks = {"visit": visit.tick if visit else -1, "watch": newest[1].tick if newest else -1,
             "catch": caught[0].tick if caught else -1}  # fmt: skip
    last = max(ticks, key=lambda name: ticks[name])
    if caught is not None and last == "catch":
        session.timeline.goto(caught[0])
        session.stop = (caught[1],)
        session.focus = session.focus if caught[1].cpu is None else caught[1].cpu
    elif newest is not None and last == "watch":
        before_change(session, *newest)
    elif visit is not None:
        session.timeline.goto(visit.before)
        session.focus = visit.cpu
        cpu = session.machine.cpus[visit.cpu]
        session.stop = tuple(
            StopReason(
                cpu.id, "breakpoint", stops.reason_text(session, point, visit.address, cpu.id)
            )
            for point in session.breakpoints.listed
            if point.stops(visit.address, cpu.id) and stops.holds(session, point, cpu)
        )
    else:
        go(session, START, "nothing stopped before: this is the beginning")


def _last_break(session: "Session") -> Visit | None:
    points = session.breakpoints.listed
    addresses = frozenset(address for point in points for address in point.addresses)
    if not addresses:
        return None

    def stopped(visit: Visit) -> bool:
        there = [point for point in points if point.stops(visit.address, visit.cpu)]
        if any(point.condition for point in there):
            session.timeline.goto(visit.before)
        cpu = session.machine.cpus[visit.cpu]
        return any(stops.holds(session, point, cpu) for point in there)

    return search.last_visit(session.timeline, addresses, None, stopped)


def _last_change(session: "Session", watch: Watchpoint) -> Access | None:
    return search.last_access(session.timeline, watch.where, watch.wants, reads=watch.reads)


def caught_before(session: "Session") -> tuple[Moment, StopReason] | None:
    """The newest thing before now that a catch would have stopped at, and where the machine
    then was: right before it."""
    found = [_event_before(session)]
    for catch in session.catches.listed:
        found += [
            _register_before(session, catch, name) for name in REGISTERS.get(catch.kind, ())
        ]
    return max(filter(None, found), key=lambda one: one[0], default=None)


def _event_before(session: "Session") -> tuple[Moment, StopReason] | None:
    """The newest entry of the two logs that is caught."""
    found = []
    for name in LOGS:
        if not session.catches.reads(name):
            continue
        entries = stops.log(session, name)
        for place in range(len(entries) - 1, -1, -1):
            event = entries[place]
            moment = at_tick(session, max(event.tick - 1, 0))
            caught = session.catches.of(name, event) if moment < session.timeline.now else []
            if caught:
                text = stops.caught_text(caught[0], event)
                found.append((moment, StopReason(event.cpu, "catch", text)))
                break
    return max(found, key=lambda one: one[0], default=None)


def _register_before(
    session: "Session", catch: Catch, register: str
) -> tuple[Moment, StopReason] | None:
    """The newest change of a register of any CPU; of a mode, only one that changes it."""
    where = RegisterPlace(register, None, register)
    name = f"catch {catch.number}: {catch.kind}"
    with search.from_here(session.timeline):

        def counts(access: Access) -> bool:
            if catch.kind != "mode":
                return access.before != access.after
            mode = behind_register(session, access, name)[1]
            return mode[0] != mode[1]

        access = search.last_access(session.timeline, where, counts)
        if access is None:
            return None
        text, mode = behind_register(session, access, name)
        if catch.kind == "mode":
            text = mode_text(name, mode, text)
    moment = at_tick(session, access.tick - (access.cpu is not None))
    return moment, StopReason(access.cpu, "catch", text)
