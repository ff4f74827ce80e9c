"""What stops a command: breakpoints, watchpoints and catches, the earliest of them first.

A stretch of the machine's course is run, and then held against what people want to stop at. If
something lies inside of it, the machine goes back to right behind that: nothing is skipped,
whatever the schedule and however long the stretch.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct, field

from emu.debug import travel
from emu.debug.breakpoint import Breakpoint
from emu.debug.catch import LOGS, Catch, LogName
from emu.debug.watchpoint import Watchpoint
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.event import Event
from emu.machine.log import Log
from emu.machine.probe import Access, MemoryProbe, RegisterProbe
from emu.picture.view import StopReason
from emu.timeline import search
from emu.words import expression
from emu.words.place import number_of, value

if TYPE_CHECKING:
    from emu.debug.session import Session

Met = Literal["nothing", "stop", "back"]
"""What a look found: nothing, a reason to stop, or a reason to go back and on from there."""


class Watching(Struct):
    """What a command that runs keeps an eye on."""

    probes: list[tuple[Watchpoint | Catch, MemoryProbe | RegisterProbe]] = field(
        default_factory=list
    )
    places: dict[LogName, int] = field(default_factory=dict)
    """By log: the first entry that has not been looked at."""
    standing: tuple[int, int, int] | None = None
    """(CPU, address, its ticks) where the command began: a breakpoint there is behind us."""

    def look(self, session: "Session") -> None:
        """From here on see what happens."""
        machine = session.machine
        self.places = {name: len(log(session, name)) for name in LOGS}
        self.probes = [
            (watch, search.probe_for(watch.where, reads=watch.reads))
            for watch in session.watchpoints.all
        ]
        self.probes += session.catches.probes()
        if self.probes:
            machine.board.look_at(*(probe for _, probe in self.probes))

    def look_away(self, session: "Session") -> None:
        """The command is over."""
        if self.probes:
            self.probes = []
            session.machine.board.look_at()

    def stand(self, session: "Session") -> None:
        """The CPU in focus may stand at a breakpoint that people were told of, or brought it
        to. Where a run ended by chance nobody has been told."""
        focus = session.machine.board.cpus[session.focus]
        told = any(
            stop.cpu in (None, focus.id) and stop.kind not in ("limit", "pause")
            for stop in session.stop
        )
        self.standing = None
        if told and focus.context is not None:
            self.standing = focus.id, session.machine.board.linear_rip(focus), focus.ticks


class _Seen(NamedTuple):
    """Something that a probe saw and somebody waits for."""

    watch: Watchpoint | Catch
    access: Access


class _Caught(NamedTuple):
    """An entry of a log that is caught."""

    log: LogName
    place: int
    event: Event


def seen(session: "Session") -> Met:
    """Whether a watchpoint or a catch was met since the last look. Then the machine stands
    behind the earliest of them, and `stop` tells all that have happened by then. `back`: it
    stands behind a register's change that was no switch of modes."""
    watching = session.watching
    if not watching.probes and not session.catches.listed:
        return "nothing"
    changes = [
        _Seen(watch, access)
        for watch, probe in watching.probes
        for access in probe.found
        if isinstance(watch, Catch) or watch.wants(access)
    ]
    change = min(changes, key=lambda found: found.access.tick, default=None)
    caught = min(_entries(session), key=lambda found: found.event.tick, default=None)
    places = watching.places
    if caught is not None and (change is None or caught.event.tick < change.access.tick):
        watching.look_away(session)
        behind_event(session, caught.log, caught.place)
    elif change is not None:
        watching.look_away(session)
        session.timeline.goto(travel.at_tick(session, change.access.tick))
    else:
        watching.places = {name: len(log(session, name)) for name in LOGS}
        return "nothing"
    watching.places = places
    reasons = (*_changes_told(session, changes), *_entries_told(session))
    if not reasons:
        watching.look(session)
        return "back"
    if reasons[0].cpu is not None:
        session.focus = reasons[0].cpu
    focus = session.machine.board.cpus[session.focus]
    # The next run begins at this place, and so would pass a breakpoint there.
    session.stop = (*reasons, *(() if focus.context is None else _points(session, focus)))
    return "stop"


def _changes_told(session: "Session", changes: list[_Seen]) -> list[StopReason]:
    """Count and tell those that have happened by now."""
    told = []
    for watch, access in changes:
        if not _happened(session, watch, access):
            continue
        kind: Literal["watch", "catch"] = "watch"
        if isinstance(watch, Watchpoint):
            text = travel.change_told(session, watch, access)
        else:
            kind, name = "catch", f"catch {watch.number}: {watch.kind}"
            text, mode = travel.register_told(session, access, name)
            if watch.kind == "mode" and mode[0] == mode[1]:
                continue
            text = travel.mode_text(name, mode, text) if watch.kind == "mode" else text
        watch.hits += 1
        told.append(StopReason(access.cpu, kind, text))
    return told


def _happened(session: "Session", watch: Watchpoint | Catch, access: Access) -> bool:
    """Whether a change is behind the machine: the VMM's within a tick may be ahead of it."""
    now = session.machine.board.tick
    if access.tick != now or access.doing != "host" or isinstance(watch, Catch):
        return access.tick <= now
    return value(session.machine, watch.where) == number_of(watch.where, access.after)


def _entries(session: "Session") -> list[_Caught]:
    """The first new entry of each log that is caught."""
    found: list[_Caught] = []
    for name in LOGS:
        if not session.catches.reads(name):
            continue
        entries = log(session, name)
        for place in range(session.watching.places.get(name, 0), len(entries)):
            if session.catches.of(name, entries[place]):
                found.append(_Caught(name, place, entries[place]))
                break
    return found


def _entries_told(session: "Session") -> list[StopReason]:
    """Count and tell the caught entries that the logs have by now."""
    told = []
    for name in LOGS:
        entries = log(session, name)
        for place in range(session.watching.places.get(name, 0), len(entries)):
            event = entries[place]
            for catch in session.catches.of(name, event):
                catch.hits += 1
                told.append(StopReason(event.cpu, "catch", caught_text(catch, event)))
    return told


def log(session: "Session", name: LogName) -> Log[Event]:
    """One of the two logs of the machine, up to now."""
    return (
        session.machine.board.logs.exits
        if name == "exits"
        else session.machine.board.logs.events
    )


def caught_text(catch: Catch, event: Event) -> str:
    """`cpu 1: catch 3 tdcall: tdcall TDG.MEM.PAGE.ACCEPT`."""
    who = "nobody" if event.cpu is None else f"cpu {event.cpu}"
    return f"{who}: catch {catch.number} {catch.kind}: {event.text}"


def behind_event(session: "Session", name: LogName, place: int) -> None:
    """Go to the first moment at which an entry of a log has been made."""
    timeline = session.timeline
    branch = timeline.branch
    known = (branch.logs.exits if name == "exits" else branch.logs.events).known
    timeline.goto(travel.at_tick(session, known[place].tick))
    while len(log(session, name)) <= place:
        now = timeline.now
        # The next state has one more beat, or else one more tick.
        timeline.goto(now._replace(beat=now.beat + 1))
        if timeline.now.tick > now.tick:
            timeline.goto(now._replace(tick=now.tick + 1))
        assert timeline.now > now, "what is in the log has happened somewhere"


# -- breakpoints ------------------------------------------------------------------------------


def at_breakpoint(session: "Session", cpu: Cpu) -> bool:
    """A CPU stands at a breakpoint's address: whether that stops the machine."""
    address = session.machine.board.linear_rip(cpu)
    if (cpu.id, address, cpu.ticks) == session.watching.standing:
        return False  # the CPU stood here when the command began
    reasons = _points(session, cpu)
    if not reasons:
        return False
    session.focus = cpu.id
    session.stop = reasons
    return True


def _points(session: "Session", cpu: Cpu) -> tuple[StopReason, ...]:
    """Count the breakpoints at which a CPU stands; the reasons of those that stop."""
    address = session.machine.board.linear_rip(cpu)
    return tuple(
        reason
        for point in session.breakpoints.hit(address, cpu.id)
        if (reason := _hit(session, point, cpu)) is not None
    )


def _hit(session: "Session", point: Breakpoint, cpu: Cpu) -> StopReason | None:
    """Count a hit; the reason if it stops."""
    machine = session.machine
    doubt = ""
    try:
        if point.condition and not expression.evaluate(machine, cpu, point.condition):
            return None
    except CommandError as error:
        doubt = f": {error}"
    point.hits += 1
    text = reason_text(session, point, machine.board.linear_rip(cpu), cpu.id) + doubt
    if point.hits < point.after:
        return None
    if point.log:
        point.note(f"tick {machine.board.tick:,}  {text}")
        return None
    if point.once:
        session.breakpoints.delete(point.number)
    return StopReason(cpu.id, "breakpoint" if point.number else "until", text)


def holds(session: "Session", point: Breakpoint, cpu: Cpu) -> bool:
    """Whether a breakpoint would stop a CPU that stands at it, hits aside."""
    if point.log:
        return False
    try:
        return not point.condition or bool(
            expression.evaluate(session.machine, cpu, point.condition)
        )
    except CommandError:
        return True


def reason_text(session: "Session", point: Breakpoint, address: int, cpu: int) -> str:
    """Why a CPU stops at a place: `cpu 1: break 2 at mailbox_ack`."""
    place = session.machine.board.layout.symbols.name(address) or f"{address:#x}"
    what = f"break {point.number} at" if point.number else "reached"
    return f"cpu {cpu}: {what} {place}"
