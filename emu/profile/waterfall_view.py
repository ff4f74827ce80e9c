"""What the waterfall is, as values: the steps of APs, and how long each takes over all."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct

from emu.profile.told import Quantiles, SectionLines, table
from emu.words.spans import spans

StepName = Literal[
    "asked", "first", "modes", "tables", "parked", "command", "seen", "ack", "vector", "online",
    "rest",
]  # fmt: skip
STEPS: Final[dict[StepName, str]] = {
    "asked": "somebody has it started", "first": "its first instruction",
    "modes": "leaves real mode", "tables": "turns paging on",
    "parked": "waits at the mailbox", "command": "a wake-up names it",
    "seen": "sees that", "ack": "takes it", "vector": "is at the vector",
    "online": "is online", "rest": "comes to rest behind its last work",
}  # fmt: skip
"""In the order in which an AP comes to them. The time up to a step has the step's name."""
_ORDER: Final = tuple(STEPS)
IDLE: Final[tuple[StepName, ...]] = ("command", "rest")
"""In these an AP waits for a wake-up, or is done."""
ELSEWHERE: Final[tuple[StepName, ...]] = ("asked", "command")
"""What another CPU does."""
ROWS_MAX: Final = 32
"""APs that are told as text."""
_NONE: Final = "-"


def _rank(step: StepName | None) -> int:
    return -1 if step is None else _ORDER.index(step)


class StepAt(Struct, frozen=True):
    """An AP comes to a step: on its own clock, but for `asked` and `command`, which stand on
    that of whoever does it, as far as the AP's own steps before and behind let them."""

    step: StepName
    tick: int
    ns: int


class ApLine(Struct, frozen=True):
    """One AP: the steps that were seen of it, in order."""

    cpu: int
    steps: tuple[StepAt, ...]

    @property
    def spans(self) -> tuple[tuple[StepName, int, int], ...]:
        """(step, nanoseconds from the step before, nanoseconds at its end)."""
        return tuple(
            (later.step, later.ns - sooner.ns, later.ns)
            for sooner, later in pairwise(self.steps)
        )

    @property
    def last(self) -> StepName | None:
        """The furthest step that it has come to; None: it was never started."""
        steps = (one.step for one in reversed(self.steps) if one.step != "rest")
        return next(steps, None)

    @property
    def way_ns(self) -> int:
        """How long it was on its way, without its waiting for a wake-up."""
        return sum(ns for step, ns, _ in self.spans if step not in IDLE)


class StepSpread(Struct, frozen=True):
    """The way up to one step from the one that was seen before it, over all APs."""

    step: StepName
    spread: Quantiles


class Waterfall(Struct, frozen=True):
    """All APs, and the quantiles over them."""

    aps: tuple[ApLine, ...]
    segments: tuple[StepSpread, ...]
    unseen: tuple[StepName, ...]
    """Steps that were seen of no AP."""

    def lines(self) -> SectionLines:
        """The segments, then the APs themselves."""
        if not self.aps:
            return ("there is no AP",)
        if not any(ap.steps for ap in self.aps):
            return ("no AP has been started",)
        return (*self._spread(), "", *self._aps(), *self.behind, *self._missing())

    def _spread(self) -> SectionLines:
        rows = [
            (
                f"{one.step}: {STEPS[one.step]}", f"{one.spread.count:,}",
                *(f"{ns / 1e3:,.3f}" for ns in (
                    one.spread.p50_ns, one.spread.p90_ns, one.spread.p99_ns, one.spread.max_ns,
                )),
                f"{one.spread.max_cpu}",
            )
            for one in self.segments
        ]  # fmt: skip
        head = ("us from the step before", "CPUs", "p50", "p90", "p99", "max", "of cpu")
        return table(head, rows)

    def _aps(self) -> Iterator[str]:
        steps = [one for one in STEPS if one not in self.unseen]
        rows = []
        for ap in self.aps[:ROWS_MAX]:
            spans = {step: f"{ns / 1e3:+,.3f}" for step, ns, _ in ap.spans}
            if ap.steps:
                spans[ap.steps[0].step] = f"{ap.steps[0].ns / 1e3:,.3f}"
            rows.append((f"cpu {ap.cpu}", *(spans.get(step, _NONE) for step in steps)))
        yield from table(("us", *steps), rows)
        if len(self.aps) > ROWS_MAX:
            yield f"and {len(self.aps) - ROWS_MAX:,} more: --json has them all"

    @property
    def behind(self) -> SectionLines:
        """Who came less far than another one."""
        by_last: dict[StepName | None, list[int]] = defaultdict(list)
        for ap in self.aps:
            by_last[ap.last].append(ap.cpu)
        *less, _ = sorted(by_last, key=_rank) or (None,)
        rows = []
        for last in less:
            how = "never started" if last is None else f"no further than {last}"
            cpus = f"cpu{'s' * (len(by_last[last]) != 1)} {spans(by_last[last])}"
            rows.append(f"{how}: {cpus}")
        return tuple(rows)

    def _missing(self) -> Iterator[str]:
        if self.unseen:
            told = ", ".join(f"{step} ({STEPS[step]})" for step in self.unseen)
            yield f"of no CPU is seen: {told}"
        if any(len(ap.steps) < len(STEPS) - len(self.unseen) for ap in self.aps):
            yield f"{_NONE}: not come to, or no role of this image tells of it"
