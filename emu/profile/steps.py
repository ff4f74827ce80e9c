"""The steps of each AP from nothing to online, as far as they are seen: by roles, by what CPUs
do at a mailbox, and by what the host was asked for. So images that nobody named have them too.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from emu.machine.board import Board
from emu.machine.event import Milestone
from emu.mailbox.ap import NOOP, WAKEUP
from emu.mailbox.dialect import BROADCAST_ID
from emu.mailbox.observation import Arrived, Started, Stored, Switched
from emu.profile.course import Courses
from emu.profile.waterfall_view import ELSEWHERE, STEPS, StepAt, StepName

_BY_ROLE: Final[dict[str, StepName]] = {
    "parked": "parked", "ack": "ack", "arrived": "vector", "online": "online",
}  # fmt: skip


ApSteps = tuple[tuple[int, tuple[StepAt, ...]], ...]
"""(AP, its steps up to the first time that it is online), in the order of CPUs."""


def ap_steps(courses: Courses) -> ApSteps:
    """The steps of all APs, as far as the machine has come."""
    board = courses.board
    seen = steps_seen(board)
    for cpu, step in _went_on(board):
        seen[cpu].append(step)
    for cpu, runs in courses.runs.items():
        if runs:
            seen[cpu].append(StepAt("first", runs[0].first, runs[0].begin_ps // 1000))
    return tuple(
        (cpu.id, tuple(_in_time(_whole(courses, cpu.id, seen[cpu.id]))))
        for cpu in board.cpus[1:]
    )


def _whole(courses: Courses, cpu: int, seen: list[StepAt]) -> list[StepAt]:
    """A way and its end; an AP whose work was done before somebody called it has none."""
    way = list(_course(seen))
    rest = (one for one in _rest(courses, cpu) if not way or one.tick >= way[-1].tick)
    return [*way, *rest]


def _in_time(way: list[StepAt]) -> Iterator[StepAt]:
    """What somebody else did stands on his clock, which may be a slice away from the AP's: it
    is told as between what the AP did before and what it did next."""
    for before, one, after in zip((None, *way), way, (*way[1:], None), strict=False):
        ns = one.ns
        if one.step in ELSEWHERE:
            ns = ns if before is None else max(ns, before.ns)
            ns = ns if after is None else min(ns, after.ns)
        yield StepAt(one.step, one.tick, ns)


def steps_seen(board: Board) -> dict[int, list[StepAt]]:
    """By CPU: whatever was observed of it or it came to, as often as it did."""
    seen: dict[int, list[StepAt]] = defaultdict(list)
    for cpu, step in (*_observed(board), *_reached(board)):
        seen[cpu].append(step)
    return seen


def _course(seen: list[StepAt]) -> Iterator[StepAt]:
    """The first of each kind that is not before the step that comes before."""
    by_step: dict[StepName, list[StepAt]] = defaultdict(list)
    for one in sorted(seen, key=lambda one: one.tick):
        by_step[one.step].append(one)
    if not by_step["command"]:
        by_step["seen"].clear()  # it woke, but by no command
    tick, last = 0, _limit(by_step)
    for step in STEPS:
        for one in by_step[step]:
            if tick <= one.tick <= last:
                tick = one.tick
                yield one
                break


def _limit(by_step: dict[StepName, list[StepAt]]) -> int:
    """The first time that an AP is online ends its course; a second wake-up is none of it."""
    ends = by_step["online"] or by_step["vector"] or by_step["ack"]
    return ends[0].tick if ends else 1 << 62


def _observed(board: Board) -> Iterator[tuple[int, StepAt]]:
    ids: dict[int, list[int]] = defaultdict(list)
    for cpu, apic_id in enumerate(board.platform.apic_ids):
        ids[apic_id].append(cpu)
    others = range(1, len(board.cpus))
    for one in board.logs.observed:
        match one:
            case Started(tick, ns, _, _, target):
                yield target, StepAt("asked", tick, ns)
            case Switched(tick, ns, int(cpu), _, before, now):
                if now[0] and not before[0]:
                    yield cpu, StepAt("modes", tick, ns)
                if now[1] and not before[1]:
                    yield cpu, StepAt("tables", tick, ns)
            case Stored() if one.before.command != one.after.command:
                if one.after.command == WAKEUP:
                    apic_id = one.after.apic_id
                    named = others if apic_id == BROADCAST_ID else ids[apic_id]
                    for cpu in named:
                        yield cpu, StepAt("command", one.tick, one.virtual_ns)
                elif one.before.command == WAKEUP and one.after.command == NOOP and one.cpu:
                    yield one.cpu, StepAt("ack", one.tick, one.virtual_ns)
            case Arrived(tick, ns, int(cpu), _, "vector"):
                yield cpu, StepAt("vector", tick, ns)
            case _:
                pass


def _reached(board: Board) -> Iterator[tuple[int, StepAt]]:
    """By places. Where stores to a mailbox are seen, to be where a command is cleared is not to
    have cleared it."""
    by_role = dict(_BY_ROLE)
    if board.mailbox_gpa is not None:
        del by_role["ack"]
    for event in board.logs.events:
        if event.cpu and isinstance(event.detail, Milestone):
            for role in event.detail.roles:
                if role in by_role:
                    yield event.cpu, StepAt(by_role[role], event.tick, event.virtual_ns)


def _went_on(board: Board) -> Iterator[tuple[int, StepAt]]:
    for one in board.logs.woken:
        if one.why == "memory":
            yield one.cpu, StepAt("seen", one.tick, one.to_ps // 1000)


def _rest(courses: Courses, cpu: int) -> Iterator[StepAt]:
    """Where its last instruction ended, as far as it has come."""
    pieces = courses.of(cpu)
    ran = next((one for one in reversed(pieces) if one.ticks), None)
    if ran is not None:
        yield StepAt("rest", ran.tick + ran.ticks, ran.end_ps // 1000)
