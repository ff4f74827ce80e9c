"""What a boot that comes to nothing leaves behind: the last progress, who waits for what and
whose doing could end it, and what was broken on purpose."""

from typing import Final

from emu.judge.verdict import WaitFact
from emu.judge.waiting import facts
from emu.machine.event import Event, EventKind
from emu.machine.machine import Machine

PROGRESS: Final[frozenset[EventKind]] = frozenset(("milestone", "mailbox", "serial", "state"))
"""Events by which a boot goes forward. What people inject is none, and faults are none."""
SLOW_TICKS: Final = 2_000_000
"""A boot whose last progress is not longer ago is slow; one that made none for longer is
stuck."""
_SHOWN: Final = 8


def last_progress(machine: Machine) -> Event | None:
    """The newest event by which the boot went forward."""
    events = machine.board.logs.events
    for index in range(len(events) - 1, -1, -1):
        if events[index].kind in PROGRESS:
            return events[index]
    return None


def idle_ticks(machine: Machine) -> int:
    """Instructions since the last progress."""
    last = last_progress(machine)
    return machine.board.tick - (0 if last is None else last.tick)


def slow_or_stuck(machine: Machine) -> str:
    """What a boot that was cut off was, in words."""
    idle = idle_ticks(machine)
    if idle <= SLOW_TICKS:
        return f"slow: the last progress was {idle:,} instructions ago"
    return no_progress(machine)


def no_progress(machine: Machine) -> str:
    """What the watchdog says."""
    return f"stuck: no progress for {idle_ticks(machine):,} instructions"


def evidence(machine: Machine) -> tuple[str, ...]:
    """Sentences, the most telling first."""
    lines = []
    last = last_progress(machine)
    if last is not None:
        who = "" if last.cpu is None else f"cpu {last.cpu} "
        since = (machine.board.now_ps() // 1000 - last.virtual_ns) / 1e6
        when = f"tick {last.tick:,}, {since:,.3f} ms before the end"
        lines.append(f"last progress: {who}{last.text} ({when})")
    lines += _waits(machine)
    for cpu in machine.board.cpus:
        if cpu.activity == "running":
            lines.append(f"cpu {cpu.id} executes at {machine.board.place(cpu)}")
        elif cpu.activity == "shutdown":
            lines.append(f"cpu {cpu.id} shut down: {cpu.reason}")
    injected = machine.injected
    lines += [f"injected: {one.spec} (tick {one.tick:,})" for one in injected.fired]
    return tuple(lines)


def _waits(machine: Machine) -> list[str]:
    """The wait graph, one line for CPUs that wait alike."""
    groups: dict[tuple[str, str, str, int | None], list[WaitFact]] = {}
    for fact in facts(machine):
        key = fact.where, fact.on, fact.now, fact.last_writer
        groups.setdefault(key, []).append(fact)
    lines = []
    for (where, on, now, writer), members in groups.items():
        shown = ", ".join(str(one.cpu) for one in members[:_SHOWN])
        more = f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
        tick = max((one.tick for one in members if one.tick is not None), default=None)
        whose = (
            "nobody ever wrote it"
            if tick is None
            else f"last written by {'the host' if writer is None else f'cpu {writer}'} at tick "
            f"{tick:,}"
        )
        doing = "" if writer is None else _doing(machine, writer)
        lines.append(
            f"cpu {shown}{more} at {where}: waits for {on} (now {now}; {whose}{doing})"
        )
    return lines


def _doing(machine: Machine, index: int) -> str:
    """What the CPU that could have ended a wait does itself."""
    cpu = machine.board.cpus[index]
    waits = machine.waits.waiting.get(index)
    if waits is not None:
        return f", which waits itself at {machine.board.name(cpu, waits.loop.head)}"
    return f", which is {cpu.activity}"
