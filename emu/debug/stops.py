"""What stops a command: breakpoints, watchpoints and catches, the earliest of them first.

A stretch of the machine's course is run, and then held against what people want to stop at. If
something lies inside of it, the machine goes back to right behind that: nothing is skipped,
whatever the schedule and however long the stretch.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from emu.debug import expression, search, travel
from emu.debug.breakpoint import Breakpoint
from emu.debug.catch import LOGS, Catch, LogName
from emu.debug.view import StopReason
from emu.debug.watchpoint import Watchpoint
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.event import Event
from emu.machine.log import Log
from emu.machine.probe import Access, MemoryProbe, RegisterProbe

if TYPE_CHECKING:
    from emu.debug.session import Session


@dataclass(slots=True)
class Watching:
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
            machine.look_at(*(probe for _, probe in self.probes))

    def look_away(self, session: "Session") -> None:
        """The command is over."""
        if self.probes:
            self.probes = []
            session.machine.look_at()

    def stand(self, session: "Session") -> None:
        """The CPU in focus may stand at a breakpoint now."""
        focus = session.machine.cpus[session.focus]
        if focus.context is not None:
            self.standing = focus.id, session.machine.linear_rip(focus), focus.ticks


def seen(session: "Session") -> bool:
    """Whether a watchpoint or a catch was met since the last look. Then the machine stands
    behind the earliest of them, and `stop` says what it was."""
    watching = session.watching
    if not watching.probes and not session.catches.listed:
        return False
    changes = [
        (access.tick, watch, access)
        for watch, probe in watching.probes
        for access in probe.found
        if isinstance(watch, Catch) or watch.wants(access)
    ]
    change = min(changes, key=lambda found: found[0], default=None)
    caught = _event(session)
    if caught is not None and (change is None or caught.event.tick < change[0]):
        _behind_event(session, caught)
        return True
    if change is None:
        watching.places = {name: len(log(session, name)) for name in LOGS}
        return False
    _, watch, access = change
    watching.look_away(session)
    stopped = _behind_change(session, watch, access)
    if not stopped:
        watching.look(session)
    return stopped


class _Caught(NamedTuple):
    """An entry of a log that is caught."""

    log: LogName
    place: int
    event: Event
    catches: list[Catch]


def log(session: "Session", name: LogName) -> Log[Event]:
    """One of the two logs of the machine, up to now."""
    return session.machine.exits if name == "exits" else session.machine.events


def _event(session: "Session") -> _Caught | None:
    """The first new entry of a log that is caught."""
    found: list[_Caught] = []
    for name in LOGS:
        if not session.catches.reads(name):
            continue
        entries = log(session, name)
        for place in range(session.watching.places.get(name, 0), len(entries)):
            catches = session.catches.of(name, entries[place])
            if catches:
                found.append(_Caught(name, place, entries[place], catches))
                break
    return min(found, key=lambda one: one.event.tick, default=None)


def _behind_event(session: "Session", caught: _Caught) -> None:
    """Stand where something that is caught has just happened."""
    event = caught.event
    session.watching.look_away(session)
    behind_event(session, caught.log, caught.place)
    for catch in caught.catches:
        catch.hits += 1
    session.stop = tuple(
        StopReason(event.cpu, "catch", caught_text(catch, event)) for catch in caught.catches
    )
    if event.cpu is not None:
        session.focus = event.cpu


def caught_text(catch: Catch, event: Event) -> str:
    """`cpu 1: catch 3 tdcall: tdcall TDG.MEM.PAGE.ACCEPT`."""
    who = "nobody" if event.cpu is None else f"cpu {event.cpu}"
    return f"{who}: catch {catch.number} {catch.kind}: {event.text}"


def behind_event(session: "Session", name: LogName, place: int) -> None:
    """Go to the first moment at which an entry of a log has been made."""
    timeline = session.timeline
    branch = timeline.branch
    known = (branch.exits if name == "exits" else branch.events).known
    timeline.goto(travel.at_tick(session, known[place].tick))
    while len(log(session, name)) <= place:
        now = timeline.now
        # The next state has one more beat, or else one more tick.
        timeline.goto(now._replace(beat=now.beat + 1))
        if timeline.now.tick > now.tick:
            timeline.goto(now._replace(tick=now.tick + 1))
        assert timeline.now > now, "what is in the log has happened somewhere"


def _behind_change(session: "Session", watch: Watchpoint | Catch, access: Access) -> bool:
    """Stand behind a change; False if a mode was watched and is the same."""
    if isinstance(watch, Watchpoint):
        watch.hits += 1
        travel.behind_change(session, watch, access)
        return True
    name = f"catch {watch.number}: {watch.kind}"
    text, mode = travel.behind_register(session, access, name)
    if watch.kind == "mode":
        if mode[0] == mode[1]:
            return False
        text = travel.mode_text(name, mode, text)
    watch.hits += 1
    session.stop = (StopReason(access.cpu, "catch", text),)
    if access.cpu is not None:
        session.focus = access.cpu
    return True


# -- breakpoints ------------------------------------------------------------------------------


def at_breakpoint(session: "Session", cpu: Cpu) -> bool:
    """A CPU stands at a breakpoint's address: whether that stops the machine."""
    address = session.machine.linear_rip(cpu)
    if (cpu.id, address, cpu.ticks) == session.watching.standing:
        return False  # the CPU stood here when the command began
    reasons = tuple(
        reason
        for point in session.breakpoints.hit(address, cpu.id)
        if (reason := _hit(session, point, cpu)) is not None
    )
    if not reasons:
        return False
    session.focus = cpu.id
    session.stop = reasons
    return True


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
    text = reason_text(session, point, machine.linear_rip(cpu), cpu.id) + doubt
    if point.hits < point.after:
        return None
    if point.log:
        point.note(f"tick {machine.tick:,}  {text}")
        return None
    if point.once:
        session.breakpoints.delete(point.number)
    kind = "breakpoint" if point.number else "until"
    return StopReason(cpu.id, kind, text)  # type: ignore[arg-type]  # both are kinds


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
    place = session.machine.layout.symbols.name(address) or f"{address:#x}"
    what = f"break {point.number} at" if point.number else "reached"
    return f"cpu {cpu}: {what} {place}"
