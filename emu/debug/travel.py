"""Going through time: the commands that move a session to another moment of its timeline."""

from typing import Final, assert_never

from emu.boot import disasm
from emu.debug.command import (
    Branch,
    Goto,
    PreviousChange,
    ReverseFinish,
    ReverseNext,
    ReverseStep,
)
from emu.debug.desk import Desk, cpu_of, focused, instruction
from emu.debug.watchpoint import Watchpoint
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.probe import Access
from emu.picture.view import StopReason
from emu.timeline import search
from emu.timeline.moment import START, Moment
from emu.timeline.search import Visit
from emu.words.place import place

_CALL_BYTES: Final = range(2, 8)
"""How long a CALL can be (SDM 2, CALL)."""


def go(desk: Desk, moment: Moment, text: str, cpu: int | None = None) -> None:
    """Be at a moment of this branch and say so."""
    desk.timeline.goto(moment)
    arrive(desk, text, cpu)


def arrive(desk: Desk, text: str, cpu: int | None = None) -> None:
    """The machine was brought here: by whom it is looked at, and why."""
    if cpu is not None:
        desk.focus = cpu
    desk.stop = (StopReason(cpu, "travel", text),)


def at_tick(desk: Desk, tick: int) -> Moment:
    """The state at a tick with all that was entered there."""
    entries = desk.timeline.branch.entries
    return Moment(tick, 0, sum(entry.tick <= tick for entry in entries))


def find(desk: Desk, where: str) -> Moment:
    """The moment that a text names; raises CommandError for one that nothing knows. A tick
    beyond the known end is given as it is."""
    timeline = desk.timeline
    marks = timeline.branch.marks
    if where in ("start", "now", "end"):
        return {"start": START, "now": timeline.now, "end": timeline.end}[where]
    if where in marks:
        return marks[where]
    if where.endswith("%") and where[:-1].replace(".", "", 1).isdigit():
        share = min(float(where[:-1]), 100.0)
        if share == 100.0:
            return timeline.end
        return at_tick(desk, int(timeline.end.tick * share / 100))
    if where[:1] == "#" and where[1:].isdigit():
        return _event(desk, int(where[1:]))
    if where[:1].isdigit():
        try:
            return at_tick(desk, int(where.replace(",", "_"), 0))
        except ValueError:
            pass
    return _milestone(desk, where)


def _event(desk: Desk, number: int) -> Moment:
    events = desk.timeline.branch.logs.events.known
    if not 1 <= number <= len(events):
        raise CommandError(f"goto: #{number}: the events are #1 to #{len(events)}")
    return at_tick(desk, events[number - 1].tick)


def _milestone(desk: Desk, where: str) -> Moment:
    for event in desk.timeline.branch.logs.events.known:
        if event.kind == "milestone" and event.text == f"reaches {where}":
            return at_tick(desk, event.tick)
    raise CommandError(
        f"{where}: no tick, percentage, mark or event, and no CPU has reached a milestone of "
        "that name"
    )


Order = ReverseStep | ReverseNext | ReverseFinish | PreviousChange | Branch


def travel(desk: Desk, order: Order) -> None:
    """Carry out a command that only moves between known moments; raises CommandError, and
    then the machine is where it was."""
    focus = focused(desk)
    match order:
        case ReverseStep(cpu):
            reverse_step(desk, cpu_of(desk, cpu), order)
        case ReverseNext():
            reverse_next(desk, focus, order)
        case ReverseFinish():
            reverse_finish(desk, focus, order)
        case PreviousChange(text):
            previous_change(desk, text)
        case Branch(name, new):
            _branch(desk, name, new)
        case _:
            assert_never(order)


def _branch(desk: Desk, name: str, new: str) -> None:
    """Go to a branch, begin one, or rename one."""
    timeline = desk.timeline
    if new:
        timeline.rename(name, new)
        desk.reply = (f"{name} is called {new} now",)
    elif name in timeline.branches:
        timeline.switch(name)
        desk.stop = (StopReason(None, "travel", f"at the end of {name}"),)
    else:
        if name in ("now", "start", "end") or not name[:1].isalpha():
            raise CommandError(f"branch: a name begins with a letter, {name!r} does not do")
        timeline.fork(name)
        desk.reply = (f"branch {name} begins at tick {timeline.now.tick:,}",)


def goto(desk: Desk, order: Goto) -> Moment | None:
    """Go to a named moment; one beyond what is known is given back, and must be run to."""
    timeline = desk.timeline
    if order.where in timeline.branches and order.where not in timeline.branch.marks:
        timeline.switch(order.where)
        desk.stop = (StopReason(None, "travel", f"at the end of {order.where}"),)
        return None
    moment = find(desk, order.where)
    if moment.tick > timeline.end.tick:
        return moment
    name = "" if order.where[:1].isdigit() else f"{order.where}, "
    whose = _whose(desk, order.where)
    timeline.goto(moment)
    arrive(desk, f"at {name}tick {desk.machine.tick:,}", whose)
    return None


def _whose(desk: Desk, where: str) -> int | None:
    """The CPU that an event or a milestone belongs to."""
    events = desk.timeline.branch.logs.events.known
    if where[:1] == "#":
        return events[int(where[1:]) - 1].cpu
    named = (event for event in events if event.text == f"reaches {where}")
    return next((event.cpu for event in named if event.kind == "milestone"), None)


def reverse_step(desk: Desk, cpu: Cpu, order: ReverseStep) -> None:
    """Back over instructions of one CPU, or of whichever CPU executed last."""
    now = desk.timeline.now
    tick = now.tick - order.count
    if not order.any_cpu:
        tick = _ticks_back(desk, cpu, order.count)
    if tick < 0:
        raise CommandError(f"there are only {now.tick:,} instructions before this moment")
    who = None if order.any_cpu else cpu.id
    text = "stepped back" if who is None else f"cpu {who} stepped back"
    go(desk, at_tick(desk, tick), text, who)


def _ticks_back(desk: Desk, cpu: Cpu, count: int) -> int:
    """The tick before the COUNTth last instruction of a CPU."""
    left = count
    for run in desk.machine.logs.lanes.backwards(cpu.id, desk.machine.tick):
        if run.last - run.first >= left:
            return run.last - left
        left -= run.last - run.first
    done = count - left
    raise CommandError(f"cpu {cpu.id} has executed {done:,} instructions before this moment")


def reverse_next(desk: Desk, cpu: Cpu, order: ReverseNext) -> None:
    """Back over instructions of one CPU; over a whole call where it has just returned."""
    here = desk.timeline.now
    try:
        for _ in range(order.count):
            _over(desk, cpu)
    except CommandError:
        desk.timeline.goto(here)
        raise
    desk.focus = cpu.id
    desk.stop = (StopReason(cpu.id, "travel", f"cpu {cpu.id} stepped back"),)


def _over(desk: Desk, cpu: Cpu) -> None:
    tick = _ticks_back(desk, cpu, 1)
    after = desk.machine.linear_rip(cpu), cpu.registers.get("rsp")
    before = desk.timeline.now
    desk.timeline.goto(at_tick(desk, tick))
    code = instruction(desk.machine, cpu)
    if code is None or not (code.kind == "ret" or code.repeats):
        return
    here = desk.timeline.now
    if code.repeats:
        wanted = _first_of_row(desk, cpu, desk.machine.linear_rip(cpu), before)
    else:
        wanted = _call_before(desk, cpu, *after, before)
    desk.timeline.goto(wanted or here)


def _first_of_row(desk: Desk, cpu: Cpu, rip: int, before: Moment) -> Moment | None:
    """The first of the newest executions in a row of one instruction: a REP's beginning."""
    first: Visit | None = None
    with search.from_here(desk.timeline):
        for visits in search.trace(desk.timeline, cpu.id, before):
            for visit in reversed(visits):
                if visit.address != rip:
                    return None if first is None else first.before
                first = visit
    return None if first is None else first.before


def _call_before(desk: Desk, cpu: Cpu, back: int, rsp: int, before: Moment) -> Moment | None:
    """The newest CALL that returns to an address with this stack pointer."""
    timeline, machine = desk.timeline, desk.machine
    with search.from_here(timeline):
        while True:
            places = frozenset(back - size for size in _CALL_BYTES)
            visit = search.last_visit(timeline, places, cpu.id, lambda _: True, before)
            if visit is None:
                return None
            timeline.goto(visit.before)
            code = instruction(desk.machine, cpu)
            called = code is not None and code.kind == "call"
            ends = code is not None and machine.linear_rip(cpu) + code.size == back
            if called and ends and cpu.registers.get("rsp") == rsp:
                return visit.before
            before = visit.before


def reverse_finish(desk: Desk, cpu: Cpu, _: ReverseFinish) -> None:
    """Back to the CALL that has not returned yet."""
    found = _open_call(desk, cpu)
    if found is None:
        raise CommandError(f"cpu {cpu.id} is in no function that was called")
    go(desk, found, f"cpu {cpu.id}: the call of this function", cpu.id)


def _open_call(desk: Desk, cpu: Cpu) -> Moment | None:
    """The newest CALL of a CPU with no RET for it, by counting backwards."""
    closed = 0
    kinds: dict[int, str] = {}
    with search.from_here(desk.timeline):
        for visits in search.trace(desk.timeline, cpu.id, desk.timeline.now):
            for visit in reversed(visits):
                kind = kinds.get(visit.address) or _kind(desk, cpu, visit.address)
                kinds[visit.address] = kind
                if kind == "ret":
                    closed += 1
                elif kind == "call" and closed:
                    closed -= 1
                elif kind == "call":
                    return visit.before
    return None


def _kind(desk: Desk, cpu: Cpu, address: int) -> str:
    registers = cpu.registers
    data = desk.machine.virtual.most(registers, address, 15)
    code = disasm.decode(data, address, registers.mode)
    return "other" if code is None else code.kind


def before_change(desk: Desk, watch: Watchpoint, access: Access) -> None:
    """Be where a change is about to be made, and say whose doing it is."""
    made_by_guest = access.cpu is not None
    desk.timeline.goto(at_tick(desk, access.tick - made_by_guest))
    desk.stop = (StopReason(access.cpu, "watch", change_text(desk, watch, access)),)
    if access.cpu is not None:
        desk.focus = access.cpu


def change_told(desk: Desk, watch: Watchpoint, access: Access) -> str:
    """A change in words; the machine stays where it is, behind it."""
    timeline = desk.timeline
    here = timeline.now
    timeline.goto(at_tick(desk, access.tick - (access.cpu is not None)))
    text = change_text(desk, watch, access)
    timeline.goto(here)
    return text


def change_text(desk: Desk, watch: Watchpoint, access: Access) -> str:
    """`watch 1: mailbox.command 0x1 -> 0x0 by cpu 1 at mailbox_ack (reset.S:31)`, asked where
    the change is about to be made."""
    before, after = (int.from_bytes(data, "little") for data in (access.before, access.after))
    name = f"watch {watch.number}: " if watch.number else ""
    return f"{name}{watch.where.name} {before:#x} -> {after:#x} {doer(desk, access)}"


def doer(desk: Desk, access: Access) -> str:
    """Whose doing an access is, with the place in the code; asked one tick before it."""
    if access.cpu is None:
        return "by you"
    machine = desk.machine
    cpu = machine.cpus[access.cpu]
    where = "" if cpu.context is None else f" at {machine.place(cpu)}"
    line = (
        None if cpu.context is None else machine.layout.lines.line_of(machine.linear_rip(cpu))
    )
    where += "" if line is None else f" ({line[0].rpartition('/')[2]}:{line[1]})"
    how = {"host": "by the VMM for", "walk": "by a page walk of"}.get(access.doing, "by")
    return f"{how} cpu {cpu.id}{where}"


def register_told(desk: Desk, access: Access, name: str) -> tuple[str, tuple[str, str]]:
    """A change of a register in words, and the CPU's modes before and behind it."""
    timeline = desk.timeline
    here = timeline.now
    cpu = desk.machine.cpus[access.cpu or 0]
    timeline.goto(at_tick(desk, access.tick - (access.cpu is not None)))
    before = "" if cpu.context is None else cpu.context.mode
    old, new = (int.from_bytes(data, "little") for data in (access.before, access.after))
    text = f"{name} {old:#x} -> {new:#x} {doer(desk, access)}"
    timeline.goto(at_tick(desk, access.tick))
    after = "" if cpu.context is None else cpu.context.mode
    timeline.goto(here)
    return text, (before, after)


def mode_text(name: str, mode: tuple[str, str], text: str) -> str:
    """The words of a register's change as those of a change of mode."""
    return f"{name} {mode[0]} -> {mode[1]} by {text.partition(' by ')[2]}"


def previous_change(desk: Desk, text: str) -> None:
    """Back to before the last change of a place."""
    watch = Watchpoint(0, place(desk.machine, focused(desk), text))
    access = search.last_access(desk.timeline, watch.where, watch.wants)
    if access is None:
        raise CommandError(f"{text} has not changed before this moment")
    before_change(desk, watch, access)
