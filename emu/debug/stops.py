"""What stops a command: breakpoints, watchpoints and catches, the earliest of them first.

A stretch of the machine's course is run, and then held against what people want to stop at. If
something lies inside of it, the machine goes back to right behind that: nothing is skipped,
whatever the schedule and however long the stretch.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from emu.debug import telling
from emu.debug.breakpoint import Breakpoint
from emu.debug.catch import LOGS, Catch, LogName
from emu.debug.desk import Desk, focused
from emu.debug.moments import at_tick
from emu.debug.watchpoint import Watchpoint
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.event import Event
from emu.machine.log import Log
from emu.machine.logs import Logs
from emu.machine.machine import Machine
from emu.machine.probe import Access, RegisterProbe
from emu.picture.stop import AtBreakpoint, AtPlace, CaughtEvent, LimitReached, Paused, Stop
from emu.timeline import search
from emu.timeline.timeline import Timeline
from emu.words import expression
from emu.words.place import number_of, value

Met = Literal["nothing", "stop", "back"]
"""What a look found: nothing, a reason to stop, or a reason to go back and on from there."""


def look(desk: Desk) -> None:
    """From here on see what happens."""
    watching, logs = desk.watching, desk.machine.board.logs
    watching.places = {name: len(log(logs, name)) for name in LOGS}
    watching.probes = [
        (watch, search.probe_for(watch.where, reads=watch.reads))
        for watch in desk.watchpoints.all
    ]
    watching.probes += desk.catches.probes()
    if watching.probes:
        desk.machine.board.look_at(*(probe for _, probe in watching.probes))


def look_away(desk: Desk) -> None:
    """The command is over."""
    if desk.watching.probes:
        desk.watching.probes = []
        desk.machine.board.look_at()


def stand(desk: Desk) -> None:
    """CPUs may stand at breakpoints that people were told of, or brought them to, whoever is
    in focus by now. Where a run ended by chance nobody has been told."""
    board = desk.machine.board
    told = {
        desk.focus if stop.cpu is None else stop.cpu
        for stop in desk.stop
        if not isinstance(stop, LimitReached | Paused)
    }
    desk.watching.standing = frozenset(
        (cpu.id, board.linear_rip(cpu), cpu.ticks)
        for cpu in map(board.cpus.__getitem__, told)
        if cpu.context is not None
    )


class _Seen(NamedTuple):
    """Something that a probe saw and somebody waits for."""

    watch: Watchpoint | Catch
    register: str
    """What a catch looks at."""
    access: Access


class _Caught(NamedTuple):
    """An entry of a log that is caught."""

    log: LogName
    place: int
    event: Event


def seen(desk: Desk) -> Met:
    """Whether a watchpoint or a catch was met since the last look. Then the machine stands
    behind the earliest of them, and `stop` tells all that have happened by then. `back`: it
    stands behind a register's change that was no switch of modes."""
    watching, timeline = desk.watching, desk.timeline
    if not watching.probes and not desk.catches.all:
        return "nothing"
    changes = [
        _Seen(watch, probe.register if isinstance(probe, RegisterProbe) else "", access)
        for watch, probe in watching.probes
        for access in probe.found
        if isinstance(watch, Catch) or watch.wants(access)
    ]
    change = min(changes, key=lambda found: found.access.tick, default=None)
    caught = min(_entries(desk), key=lambda found: found.event.tick, default=None)
    places = watching.places
    if caught is not None and (change is None or caught.event.tick < change.access.tick):
        look_away(desk)
        behind_event(timeline, caught.log, caught.place)
    elif change is not None:
        look_away(desk)
        timeline.goto(at_tick(timeline, change.access.tick))
    else:
        watching.places = {name: len(log(desk.machine.board.logs, name)) for name in LOGS}
        return "nothing"
    watching.places = places
    reasons = (*_changes_told(timeline, changes), *_entries_told(desk))
    if not reasons:
        look(desk)
        return "back"
    if reasons[0].cpu is not None:
        desk.focus = reasons[0].cpu
    focus = focused(desk)
    # The next run begins at this place, and so would pass a breakpoint there.
    desk.stop = (*reasons, *(() if focus.context is None else _points(desk, focus)))
    return "stop"


def _changes_told(timeline: Timeline, changes: list[_Seen]) -> Iterator[Stop]:
    """Count and tell those that have happened by now."""
    for watch, register, access in changes:
        if not _happened(timeline.machine, watch, access):
            continue
        if isinstance(watch, Watchpoint):
            watch.hits += 1
            yield telling.watched_behind(timeline, watch, access)
            continue
        told = telling.caught(timeline, watch, register, access)
        if telling.counts(told):
            watch.hits += 1
            yield told


def _happened(machine: Machine, watch: Watchpoint | Catch, access: Access) -> bool:
    """Whether a change is behind the machine: the VMM's within a tick may be ahead of it."""
    now = machine.board.tick
    if access.tick != now or access.doing != "host" or isinstance(watch, Catch):
        return access.tick <= now
    return value(machine, watch.where) == number_of(watch.where, access.after)


def _entries(desk: Desk) -> list[_Caught]:
    """The first new entry of each log that is caught."""
    found: list[_Caught] = []
    for name in LOGS:
        if not desk.catches.reads(name):
            continue
        entries = log(desk.machine.board.logs, name)
        for place in range(desk.watching.places.get(name, 0), len(entries)):
            if desk.catches.of(name, entries[place]):
                found.append(_Caught(name, place, entries[place]))
                break
    return found


def _entries_told(desk: Desk) -> Iterator[Stop]:
    """Count and tell the caught entries that the logs have by now."""
    for name in LOGS:
        entries = log(desk.machine.board.logs, name)
        for place in range(desk.watching.places.get(name, 0), len(entries)):
            event = entries[place]
            for catch in desk.catches.of(name, event):
                catch.hits += 1
                yield caught_event(catch, event)


def log(logs: Logs, name: LogName) -> Log[Event]:
    """One of the two logs, up to now."""
    return logs.exits if name == "exits" else logs.events


def caught_event(catch: Catch, event: Event) -> CaughtEvent:
    """An entry of a log that is caught."""
    return CaughtEvent(event.cpu, catch.number, catch.kind, event.tick, event.text)


def behind_event(timeline: Timeline, name: LogName, place: int) -> None:
    """Go to the first moment at which an entry of a log has been made."""
    known = log(timeline.branch.logs, name).known
    timeline.goto(at_tick(timeline, known[place].tick))
    while len(log(timeline.machine.board.logs, name)) <= place:
        now = timeline.now
        # The next state has one more beat, or else one more tick.
        timeline.goto(now._replace(beat=now.beat + 1))
        if timeline.now.tick > now.tick:
            timeline.goto(now._replace(tick=now.tick + 1))
        assert timeline.now > now, "what is in the log has happened somewhere"


# -- breakpoints ------------------------------------------------------------------------------


def at_breakpoint(desk: Desk, cpu: Cpu) -> bool:
    """A CPU stands at a breakpoint's address: whether that stops the machine."""
    address = desk.machine.board.linear_rip(cpu)
    if (cpu.id, address, cpu.ticks) in desk.watching.standing:
        return False  # the CPU stood here when the command began
    reasons = _points(desk, cpu)
    if not reasons:
        return False
    desk.focus = cpu.id
    desk.stop = reasons
    return True


def _points(desk: Desk, cpu: Cpu) -> tuple[Stop, ...]:
    """Count the breakpoints at which a CPU stands; the reasons of those that stop."""
    address = desk.machine.board.linear_rip(cpu)
    return tuple(
        reason
        for point in desk.breakpoints.hit(address, cpu.id)
        if (reason := _hit(desk, point, cpu)) is not None
    )


def _hit(desk: Desk, point: Breakpoint, cpu: Cpu) -> Stop | None:
    """Count a hit; the reason if it stops."""
    machine = desk.machine
    doubt = ""
    try:
        if point.condition and not expression.evaluate(machine, cpu, point.condition):
            return None
    except CommandError as error:
        doubt = str(error)
    point.hits += 1
    reason = stop_at(machine, point, cpu, doubt)
    if point.hits < point.after:
        return None
    if point.log:
        point.note(f"tick {machine.board.tick:,}  {reason.text}")
        return None
    if point.once:
        desk.breakpoints.delete(point.number)
    return reason


def holds(machine: Machine, point: Breakpoint, cpu: Cpu) -> bool:
    """Whether a breakpoint would stop a CPU that stands at it, hits aside."""
    if point.log:
        return False
    try:
        return not point.condition or bool(expression.evaluate(machine, cpu, point.condition))
    except CommandError:
        return True


def stop_at(machine: Machine, point: Breakpoint, cpu: Cpu, doubt: str = "") -> Stop:
    """That a CPU stands at a breakpoint, or at the place that a command named."""
    address = machine.board.linear_rip(cpu)
    place = machine.board.place(cpu)
    if not point.number:
        return AtPlace(cpu.id, address, place)
    return AtBreakpoint(cpu.id, point.number, address, place, doubt)
