"""The waterfall: each AP from the moment at which somebody asks for it, step by step, and how
long each step takes over all of them."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from msgspec import Struct

from emu.profile.basis import Basis
from emu.profile.steps import STEPS, StepAt, StepName
from emu.profile.told import Quantiles, SectionLines, quantiles, table

ROWS_MAX: Final = 32
"""APs that are told as text."""
_NONE: Final = "-"


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
        return (*self._spread(), "", *self._aps(), *self._missing())

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

    def _missing(self) -> Iterator[str]:
        if self.unseen:
            told = ", ".join(f"{step} ({STEPS[step]})" for step in self.unseen)
            yield f"of no CPU is seen: {told}"
        if any(len(ap.steps) < len(STEPS) - len(self.unseen) for ap in self.aps):
            yield f"{_NONE}: not come to, or no role of this image tells of it"


def waterfall(basis: Basis) -> Waterfall:
    """Every AP's, as far as the machine has come."""
    aps = tuple(ApLine(cpu, steps) for cpu, steps in basis.steps)
    spans: dict[StepName, list[tuple[int, int]]] = defaultdict(list)
    for ap in aps:
        for step, ns, _ in ap.spans:
            spans[step].append((ns, ap.cpu))
    seen = {one.step for ap in aps for one in ap.steps}
    return Waterfall(
        aps,
        tuple(StepSpread(step, quantiles(spans[step])) for step in STEPS if step in spans),
        tuple(step for step in STEPS if step not in seen),
    )
