"""Eight CPUs that contend for one lock beside two, with as many turns in all."""

import time
from collections.abc import Iterator
from statistics import median
from typing import Final

from benchmarks.row import Row, Target
from tests.guest import boot
from tests.machine.test_locks import SLEEPING, source

TURNS: Final = 80
"""At the lock, of all CPUs together."""
HOLD: Final = 2_000
"""Laps of a loop under the lock: a microsecond, in which the others wait."""
RATIO_MAX: Final = 3.0
MANY, FEW = 8, 2


def rows(quick: bool) -> Iterator[Row]:
    """A row for each kind of lock."""
    for kind in SLEEPING:
        times = [(_seconds(kind, MANY), _seconds(kind, FEW)) for _ in range(2 if quick else 7)]
        many, few = (median(column) for column in zip(*times, strict=True))
        yield Row(
            "locks", f"{kind}, {MANY} cpus", many, "s", f"{FEW} cpus", few,
            Target(most=RATIO_MAX * few), f"{TURNS} turns in all",
        )  # fmt: skip


def _seconds(kind: str, cpus: int) -> float:
    """CPU time from the first turn to the last."""
    session = boot(source(kind, True, TURNS // cpus, HOLD), cpus, max_ticks=10**8)
    began = time.process_time()
    session.do("run")
    return time.process_time() - began
