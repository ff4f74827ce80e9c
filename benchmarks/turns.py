"""Two things measured in turns in one process, so that a machine that slows down slows both."""

import time
from collections.abc import Callable
from statistics import median

from msgspec import Struct


class Turns(Struct, frozen=True):
    """Medians of all turns, never the best: a best hides what comes only sometimes."""

    mine: float
    other: float
    ratio: float
    """The median of the turns' own ratios: each compares what was measured side by side."""


def in_turns(mine: Callable[[], float], other: Callable[[], float], times: int) -> Turns:
    """Measure both so many times, A B, then B A, and so on; each call returns its figure."""
    pairs = []
    for turn in range(times):
        if turn % 2:
            second = other()
            pairs.append((mine(), second))
        else:
            pairs.append((mine(), other()))
    return of_pairs(pairs)


def of_pairs(pairs: list[tuple[float, float]]) -> Turns:
    """What many turns say together."""
    ratios = [a / b for a, b in pairs if b]
    mine, other = zip(*pairs, strict=True)
    return Turns(median(mine), median(other), median(ratios) if ratios else 0.0)


def p95(times: list[float]) -> float:
    """The figure below which 95 of 100 stay."""
    return sorted(times)[int(len(times) * 0.95)]


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of a piece of work in this process: others on the machine do not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


def seconds(work: Callable[[], object]) -> float:
    """Time on the wall, for what a person waits for."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
