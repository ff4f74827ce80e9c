"""Eight CPUs that contend for one lock beside two, with as many turns in all."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from benchmarks.lock_guest import SLEEPING, source
from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds, in_turns
from tests.guest import boot

NAME: Final = "locks"
TURNS_AT_LOCK: Final = 80
"""Of all CPUs together."""
HOLD: Final = 2_000
"""Laps of a loop under the lock: a microsecond, in which the others wait."""
MANY, FEW = 8, 2


def rows(quick: bool) -> Iterator[Row]:
    """A row for each kind of lock."""
    for kind in SLEEPING:
        turns = in_turns(
            partial(_seconds, kind, MANY), partial(_seconds, kind, FEW),
            2 if quick else 7,
        )  # fmt: skip
        yield Row.of_turns(
            NAME, f"{kind}, {MANY} cpus", turns, "s", f"{FEW} cpus",
            target=Target(most=3.0, ratio=True), note=f"{TURNS_AT_LOCK} turns in all",
        )  # fmt: skip


def _seconds(kind: str, cpus: int) -> float:
    """CPU time from the first turn to the last."""
    session = boot(source(kind, True, TURNS_AT_LOCK // cpus, HOLD), cpus, max_ticks=10**8)
    return cpu_seconds(lambda: session.do("run"))
