"""Going through time: the ways to other moments of a timeline, and what they are told as."""

from typing import Final

from emu.boot import disasm
from emu.debug.desk import Desk, Lines, cpu_of, focused, instruction
from emu.debug.moments import at_tick, find, whose
from emu.debug.telling import before, watched
from emu.debug.watchpoint import Watchpoint
from emu.errors import CommandError
from emu.given.number import begins_a_number
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.mailbox.rule import Finding
from emu.mailbox.rules import BY_NAME as RULES
from emu.picture.stop import AtStart, Travelled
from emu.timeline import search
from emu.timeline.moment import START, Moment
from emu.timeline.search import Visit
from emu.timeline.timeline import Timeline
from emu.words.target import target

_CALL_BYTES: Final = range(2, 8)
"""How long a CALL can be (SDM 2, CALL)."""


def branch(desk: Desk, name: str, new: str) -> Lines:
    """Go to a branch, begin one, or rename one."""
    timeline = desk.timeline
    if new:
        timeline.rename(name, new)
        return (f"{name} is called {new} now",)
    if name in timeline.branches:
        _to_branch(desk, name)
        return ()
    if name in ("now", "start", "end") or not name[:1].isalpha():
        raise CommandError(f"branch: a name begins with a letter, {name!r} does not do")
    timeline.fork(name)
    return (f"branch {name} begins at tick {timeline.now.tick:,}",)


def _to_branch(desk: Desk, name: str) -> None:
    desk.timeline.switch(name)
    desk.stop = (Travelled(None, desk.machine.board.tick, "branch", name),)


def begin_again(desk: Desk) -> Lines:
    """Be at power-on with nothing done since. What was done stays as a branch; where there is
    nothing, no other branch begins."""
    timeline, before = desk.timeline, desk.timeline.branch
    same = len(before.entries) == len(desk.at_power_on) and not timeline.end.tick
    if same:
        timeline.goto(timeline.end)
    else:
        timeline.goto(START)
        timeline.fork()
        for text in desk.at_power_on:
            timeline.enter(text)
    desk.stop, desk.looks.window = (AtStart(0),), None
    if same:
        return ()
    return (f"{timeline.branch.name} begins at power-on; {before.name} is all that was done",)


def goto(desk: Desk, where: str, cpu: int | None = None) -> Moment | None:
    """Go to a named moment, and to the CPU that it belongs to unless another is named; one
    beyond what is known is given back, and must be run to."""
    timeline = desk.timeline
    if cpu is not None:
        cpu = cpu_of(desk, cpu).id
    if where in timeline.branches and where not in timeline.branch.marks:
        _to_branch(desk, where)
        return None
    finding = _finding(desk, where)
    moment = find(timeline, where) if finding is None else at_tick(timeline, finding.tick)
    if moment.tick > timeline.end.tick:
        desk.focus = desk.focus if cpu is None else cpu
        return moment
    if cpu is None:
        cpu = whose(timeline, where) if finding is None else finding.cpu
    timeline.goto(moment)
    name = "" if begins_a_number(where) else where
    _arrive(desk, Travelled(cpu, desk.machine.board.tick, "tick", name))
    return None


def _finding(desk: Desk, where: str) -> Finding | None:
    """The first finding of a rule, if a text is the name of one; raises CommandError where it
    was not broken up to now."""
    if where not in RULES or where in desk.timeline.branch.marks:
        return None
    every = desk.judge.findings(desk.verdict)
    found = (one for first in every for one in (first, *first.consequences))
    finding = next((one for one in found if one.rule == where), None)
    if finding is None:
        raise CommandError(f"goto: nobody has broken {where} up to now: `findings` lists them")
    return finding


def _arrive(desk: Desk, stop: Travelled) -> None:
    """The machine was brought here; whose moment it is has the focus."""
    if stop.cpu is not None:
        desk.focus = stop.cpu
    desk.stop = (stop,)


def reverse_step(desk: Desk, cpu: Cpu | None, count: int) -> None:
    """Back over instructions of one CPU, or (None) of whichever CPU executed last."""
    timeline = desk.timeline
    now = timeline.now
    tick = now.tick - count if cpu is None else _ticks_back(desk.machine, cpu, count)
    if tick < 0:
        raise CommandError(f"there are only {now.tick:,} instructions before this moment")
    timeline.goto(at_tick(timeline, tick))
    _arrive(desk, Travelled(None if cpu is None else cpu.id, desk.machine.board.tick, "back"))


def _ticks_back(machine: Machine, cpu: Cpu, count: int) -> int:
    """The tick before the COUNTth last instruction of a CPU."""
    left = count
    for run in machine.board.logs.lanes.backwards(cpu.id, machine.board.tick):
        if run.last - run.first >= left:
            return run.last - left
        left -= run.last - run.first
    done = count - left
    raise CommandError(f"cpu {cpu.id} has executed {done:,} instructions before this moment")


def reverse_next(desk: Desk, cpu: Cpu, count: int) -> None:
    """Back over instructions of one CPU; over a whole call where it has just returned."""
    here = desk.timeline.now
    try:
        for _ in range(count):
            _over(desk.timeline, cpu)
    except CommandError:
        desk.timeline.goto(here)
        raise
    _arrive(desk, Travelled(cpu.id, desk.machine.board.tick, "back"))


def _over(timeline: Timeline, cpu: Cpu) -> None:
    machine = timeline.machine
    tick = _ticks_back(machine, cpu, 1)
    after = machine.board.linear_rip(cpu), cpu.registers.get("rsp")
    later = timeline.now
    timeline.goto(at_tick(timeline, tick))
    code = instruction(machine, cpu)
    if code is None or not (code.kind == "ret" or code.repeats):
        return
    here = timeline.now
    if code.repeats:
        wanted = _first_of_row(timeline, cpu, machine.board.linear_rip(cpu), later)
    else:
        wanted = _call_before(timeline, cpu, *after, later)
    timeline.goto(wanted or here)


def _first_of_row(timeline: Timeline, cpu: Cpu, rip: int, before: Moment) -> Moment | None:
    """The first of the newest executions in a row of one instruction: a REP's beginning."""
    first: Visit | None = None
    with search.from_here(timeline):
        for visits in search.trace(timeline, cpu.id, before):
            for visit in reversed(visits):
                if visit.address != rip:
                    return None if first is None else first.before
                first = visit
    return None if first is None else first.before


def _call_before(
    timeline: Timeline, cpu: Cpu, back: int, rsp: int, before: Moment
) -> Moment | None:
    """The newest CALL that returns to an address with this stack pointer."""
    machine = timeline.machine
    with search.from_here(timeline):
        while True:
            places = frozenset(back - size for size in _CALL_BYTES)
            visit = search.last_visit(timeline, places, cpu.id, lambda _: True, before)
            if visit is None:
                return None
            timeline.goto(visit.before)
            code = instruction(machine, cpu)
            called = code is not None and code.kind == "call"
            ends = code is not None and machine.board.linear_rip(cpu) + code.size == back
            if called and ends and cpu.registers.get("rsp") == rsp:
                return visit.before
            before = visit.before


def reverse_finish(desk: Desk, cpu: Cpu) -> None:
    """Back to the CALL that has not returned yet: the one that `bt` knows of, else the newest
    without a RET."""
    found = _call_of_frame(desk, cpu) or _open_call(desk.timeline, cpu)
    if found is None:
        raise CommandError(f"cpu {cpu.id} is in no function that was called")
    desk.timeline.goto(found)
    _arrive(desk, Travelled(cpu.id, desk.machine.board.tick, "call"))


def _call_of_frame(desk: Desk, cpu: Cpu) -> Moment | None:
    """The newest CALL that made the frame of a CPU; None where no caller is known for sure."""
    frames = desk.looks.unwinder(desk.machine).frames(cpu, 2).frames
    if len(frames) < 2 or frames[1].how not in ("CFI", "code") or frames[1].entry != "call":
        return None
    outer = frames[1]
    return _call_before(desk.timeline, cpu, outer.address, outer.rsp, desk.timeline.now)


def _open_call(timeline: Timeline, cpu: Cpu) -> Moment | None:
    """The newest CALL of a CPU with no RET for it, by counting backwards."""
    closed = 0
    kinds: dict[int, str] = {}
    with search.from_here(timeline):
        for visits in search.trace(timeline, cpu.id, timeline.now):
            for visit in reversed(visits):
                kind = kinds.get(visit.address) or _kind(timeline.machine, cpu, visit.address)
                kinds[visit.address] = kind
                if kind == "ret":
                    closed += 1
                elif kind == "call" and closed:
                    closed -= 1
                elif kind == "call":
                    return visit.before
    return None


def _kind(machine: Machine, cpu: Cpu, address: int) -> str:
    data = machine.board.virtual.most(cpu.registers, address, 15)
    code = disasm.decode(data, address, cpu.registers.coding)
    return "other" if code is None else code.kind


def previous_change(desk: Desk, text: str) -> None:
    """Back to before the last change of a place; whose doing it is has the focus."""
    timeline = desk.timeline
    watch = Watchpoint(0, target(desk.machine, focused(desk), text))
    access = search.last_access(timeline, watch.where, watch.wants)
    if access is None:
        raise CommandError(f"{text} has not changed before this moment")
    timeline.goto(before(timeline, access))
    desk.stop = (watched(desk.machine, watch, access),)
    if access.cpu is not None:
        desk.focus = access.cpu
