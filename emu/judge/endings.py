"""What the rules look at where a machine will not run on: the mailbox as it was left, CPUs that
stand still for good, and those that wait for each other."""

from collections.abc import Iterator
from typing import Final

from emu.hw.cpu import Cpu
from emu.judge import cycle, hopeless
from emu.judge.fate import meant
from emu.judge.verdict import Verdict
from emu.judge.wait_facts import facts
from emu.machine.log import Log
from emu.machine.machine import Machine
from emu.mailbox.course import Course
from emu.mailbox.layout import HEAD_BYTES, read_head
from emu.mailbox.observation import Circled, Ended, Observation, StoodStill
from emu.timeline.timeline import Timeline

ENDINGS: Final = ("booted", "degraded", "hung")
"""Outcomes after which a command that is pending will never be answered."""


class Endings:
    """Of the end at which a machine stands; found once, for that may take a search."""

    def __init__(self, machine: Machine, timeline: Timeline | None) -> None:
        self._machine, self._timeline = machine, timeline
        self._log: Log[Observation] | None = None
        self._end: tuple[int, int, Verdict] | None = None
        self._seen: tuple[Observation, ...] = ()

    def seen(self, course: Course, verdict: Verdict) -> tuple[Observation, ...]:
        """All of them."""
        board = self._machine.board
        end = board.tick, board.beat, verdict
        if self._log is not board.logs.observed or self._end != end:
            self._seen = tuple(self._look(course, verdict))
            self._log, self._end = board.logs.observed, end
        return self._seen

    def _look(self, course: Course, verdict: Verdict) -> Iterator[Observation]:
        machine = self._machine
        for index, held in hopeless.everyone(machine).items():
            one = stood_still(machine, machine.board.cpus[index], held)
            if one is not None:
                yield one
        if verdict.outcome in ENDINGS:
            ended = _ended(machine, course, verdict)
            if ended is not None:
                yield ended
        if verdict.outcome == "hung":
            yield from self._circled()

    def _circled(self) -> Iterator[Circled]:
        machine, timeline = self._machine, self._timeline
        if len(machine.waits.waiting) < 2:
            return
        past = timeline if timeline is not None and timeline.enabled else None
        found = cycle.circle(cycle.edges(machine, facts(machine, past)))
        if found is None:
            return
        cpu = machine.board.cpus[found[0].fact.cpu]
        yield Circled(
            *_where(machine, cpu), tuple(edge.fact.cpu for edge in found),
            any(edge.lock for edge in found), cycle.words(machine, found),
        )  # fmt: skip


def stood_still(machine: Machine, cpu: Cpu, held: hopeless.Hopeless) -> StoodStill | None:
    """What holds a CPU for good by itself; None where it only waits for others, or where
    somebody at the debugger stopped it."""
    if held.how == "alone" or held.how == "stopped":
        return None
    return StoodStill(*_where(machine, cpu), held.how, held.why, meant(machine, cpu, held))


def _where(machine: Machine, cpu: Cpu) -> tuple[int, int, int, int]:
    """The four fields that every observation begins with, of a CPU that stands still."""
    at = machine.board.origin(cpu) if cpu.context is not None else 0
    return hopeless.since(machine, cpu), machine.board.nanoseconds(cpu), cpu.id, at


def _ended(machine: Machine, course: Course, verdict: Verdict) -> Ended | None:
    """The mailbox as it was left, and the CPU that the command in it is for."""
    page = (
        None
        if machine.board.mailbox_gpa is None
        else machine.board.npt.hpa_of(machine.board.mailbox_gpa)
    )
    if page is None:
        return None
    head = read_head(machine.board.memory.read(page, HEAD_BYTES))
    named = course.addressed(head)
    cpu = machine.board.cpus[named[0]] if named else None
    at = machine.board.origin(cpu) if cpu is not None and cpu.context is not None else 0
    return Ended(
        machine.board.tick, machine.board.nanoseconds(cpu), None if cpu is None else cpu.id, at,
        verdict.outcome, head,
    )  # fmt: skip
