"""The moments of a course that are worth a look, and what a person would look at there."""

import time
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from emu.export.there import Surroundings, be_at, looking_back, registers
from emu.judge.report import CodeReport, FindingReport, RunReport
from emu.judge.state import state_of
from emu.machine.event import Event, EventKind
from emu.machine.machine import Machine
from emu.mailbox.layout import HEAD_BYTES, Head, read_head
from emu.timeline.timeline import Timeline
from emu.words.spans import spans

STOPS_MAX: Final = 400
"""Each is gone to; with more CPUs there are fewer, as a state costs a look at every one."""
LOOKS_MAX: Final = 12_800
"""Stops times CPUs."""
STOPS_MIN: Final = 40

RecordedKind = EventKind | Literal["start", "end", "finding"]
_FIRST: Final[tuple[tuple[RecordedKind, ...], ...]] = (
    ("start", "end", "finding", "inject"), ("fault", "mailbox", "state"), ("milestone",),
    ("exit", "stop"),
)  # fmt: skip
"""What is kept first where there are too many."""
_SAID: Final = ("serial", "log")
"""What the guest says is no stop."""


class RecordedStop(Struct, frozen=True):
    """One moment: what happened there, and what its CPU stood at."""

    tick: int
    virtual_ns: int
    cpu: int | None
    kind: RecordedKind
    text: str


class SeenStop(Struct, frozen=True):
    """A stop and what was there."""

    stop: RecordedStop
    place: str
    """Symbol and offset where its CPU is."""
    code: CodeReport
    registers: dict[str, int]
    mailbox: Head | None
    """Its fields; None where no mailbox is known yet."""
    vector: str
    """The symbol of the mailbox's vector."""
    states: str
    """What every CPU does: `running 0; parked 1-3`."""


class Stops(Struct, frozen=True):
    """Those that are recorded, in the order of time, and how many more there were."""

    seen: tuple[SeenStop, ...] = ()
    left_out: int = 0


class Tour:
    """Goes to the stops of a branch up to now, some at a time; between two times the machine is
    where it was."""

    def __init__(self, timeline: Timeline, report: RunReport) -> None:
        self._timeline = timeline
        every = found(report, timeline.machine.board.logs.events)
        cpus = len(timeline.machine.board.cpus)
        self.chosen = choose(every, max(min(STOPS_MAX, LOOKS_MAX // cpus), STOPS_MIN))
        self.seen: list[SeenStop] = []
        self._left_out = len(every) - len(self.chosen)
        self._codes = Surroundings(timeline.machine)
        self._way_home = 0.0

    def some(self, seconds: float) -> bool:
        """Look at some more for about so long, or as long as the way home took last time, which
        so costs no more than the looking does; at one at least. True when all are seen."""
        began = time.perf_counter()
        end = began + max(seconds, self._way_home)
        with looking_back(self._timeline):
            for one in self.chosen[len(self.seen) :]:
                be_at(self._timeline, one.tick)
                self.seen.append(_look(self._timeline.machine, self._codes, one))
                began = time.perf_counter()
                if began >= end:
                    break
        self._way_home = time.perf_counter() - began
        return len(self.seen) == len(self.chosen)

    @property
    def stops(self) -> Stops:
        """What was seen."""
        return Stops(tuple(self.seen), self._left_out)


def found(report: RunReport, events: Iterable[Event]) -> list[RecordedStop]:
    """All there are, in the order of time; what happened to one CPU at one tick is one stop."""
    whole = [
        RecordedStop(0, 0, 0, "start", "power-on"),
        *(_of_event(one) for one in events if one.kind not in _SAID),
        *(_of_finding(one) for one in report.every_finding),
    ]
    end = RecordedStop(
        report.ticks, report.virtual_ns, None, "end", report.reason or report.outcome
    )
    one_place: dict[tuple[int, int | None], RecordedStop] = {}
    for one in sorted(whole, key=lambda one: (one.tick, _rank(one))):
        other = one_place.get((one.tick, one.cpu))
        one_place[one.tick, one.cpu] = one if other is None else _joined(other, one)
    return [*one_place.values(), end]


def _of_event(one: Event) -> RecordedStop:
    return RecordedStop(one.tick, one.virtual_ns, one.cpu, one.kind, one.text)


def _of_finding(one: FindingReport) -> RecordedStop:
    words = f"{one.severity} {one.rule}: {one.text}"
    return RecordedStop(one.tick, one.virtual_ns, one.cpu, "finding", words)


def _joined(first: RecordedStop, other: RecordedStop) -> RecordedStop:
    return RecordedStop(
        first.tick, first.virtual_ns, first.cpu, first.kind, f"{first.text}; {other.text}"
    )


def _rank(one: RecordedStop) -> int:
    return next((rank for rank, kinds in enumerate(_FIRST) if one.kind in kinds), len(_FIRST))


def choose(every: list[RecordedStop], most: int) -> list[RecordedStop]:
    """At most so many, in the order of time: whole kinds as long as they fit, and of the first
    that does not an even choice."""
    kept: list[int] = []
    for rank in range(len(_FIRST) + 1):
        some = [place for place, one in enumerate(every) if _rank(one) == rank]
        left = most - len(kept)
        if len(some) > left:
            some = [some[number * len(some) // left] for number in range(left)]
        kept += some
    return [every[place] for place in sorted(kept)]


def _look(machine: Machine, codes: Surroundings, one: RecordedStop) -> SeenStop:
    """What there is to see where the machine stands now."""
    board = machine.board
    cpu = (
        None if one.cpu is None or board.cpus[one.cpu].context is None else board.cpus[one.cpu]
    )
    box = _mailbox(machine)
    states: dict[str, list[int]] = {}
    for other in board.cpus:
        states.setdefault(state_of(machine, other), []).append(other.id)
    return SeenStop(
        one,
        "" if cpu is None else board.place(cpu),
        codes.around(cpu, 0 if cpu is None else board.linear_rip(cpu)),
        {} if cpu is None else registers(cpu),
        box,
        "" if box is None or not box.vector else board.layout.symbols.name(box.vector),
        "; ".join(f"{state} {spans(some)}" for state, some in states.items()),
    )


def _mailbox(machine: Machine) -> Head | None:
    gpa = machine.board.mailbox_gpa
    data = None if gpa is None else machine.board.ram.guest_bytes(gpa, HEAD_BYTES)
    return None if data is None else read_head(data)
