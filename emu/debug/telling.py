"""What an access is told as: a stop whose doer is looked for where it is about to be made."""

from emu.debug.catch import Catch
from emu.debug.moments import at_tick
from emu.debug.watchpoint import Watchpoint
from emu.machine.machine import Machine
from emu.machine.probe import Access
from emu.picture.stop import CaughtRegister, Doer, Watched
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline


def before(timeline: Timeline, access: Access) -> Moment:
    """One tick before an access; what a person did takes none."""
    return at_tick(timeline, access.tick - (access.cpu is not None))


def doer(machine: Machine, access: Access) -> Doer:
    """Whose doing an access is, with the place in the code; asked right before it."""
    if access.cpu is None:
        return Doer(None)
    cpu = machine.board.cpus[access.cpu]
    through = access.doing if access.doing in ("host", "walk") else ""
    if cpu.context is None:
        return Doer(cpu.id, through)
    line = machine.board.layout.lines.line_of(machine.board.origin(cpu))
    words = "" if line is None else f"{line[0].rpartition('/')[2]}:{line[1]}"
    place = machine.board.place(cpu) + machine.board.inlined(cpu)
    return Doer(cpu.id, through, place, words)


def watched(machine: Machine, watch: Watchpoint, access: Access) -> Watched:
    """What is about to be done to a watched place."""
    old, new = numbers(access)
    return Watched(
        access.cpu, watch.number, watch.where.name, access.doing, old, new,
        doer(machine, access),
    )  # fmt: skip


def watched_behind(timeline: Timeline, watch: Watchpoint, access: Access) -> Watched:
    """The same, asked behind it; the machine stays where it is."""
    here = timeline.now
    timeline.goto(before(timeline, access))
    found = watched(timeline.machine, watch, access)
    timeline.goto(here)
    return found


def caught(timeline: Timeline, catch: Catch, register: str, access: Access) -> CaughtRegister:
    """A change of a register, with the CPU's modes around it; the machine stays where it is."""
    here = timeline.now
    cpu = timeline.machine.board.cpus[access.cpu or 0]
    timeline.goto(before(timeline, access))
    mode = "" if cpu.context is None else cpu.context.mode
    by = doer(timeline.machine, access)
    timeline.goto(at_tick(timeline, access.tick))
    modes = mode, "" if cpu.context is None else cpu.context.mode
    timeline.goto(here)
    old, new = numbers(access)
    return CaughtRegister(access.cpu, catch.number, catch.kind, register, old, new, modes, by)


def counts(stop: CaughtRegister) -> bool:
    """Whether a change is one of those that are caught: of a mode, one to another mode."""
    return stop.what != "mode" or stop.modes[0] != stop.modes[1]


def numbers(access: Access) -> tuple[int, int]:
    """What a place held before and behind an access."""
    return int.from_bytes(access.before, "little"), int.from_bytes(access.after, "little")
