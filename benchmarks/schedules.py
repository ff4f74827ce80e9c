"""No false alarm: random schedules of the healthy shim, every rule checked, none broken."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Final

from benchmarks.row import Row, Target
from emu.debug.session import Session
from emu.debug.setup import Options, Setup

NAME: Final = "schedules"
PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")
COUNT: Final = 10_000
COUNT_QUICK: Final = 40
BESIDE: Final = 10
"""One boot of so many is done without rules too."""


def rows(quick: bool) -> Iterator[Row]:
    """One row: all of them, on all processors."""
    count = COUNT_QUICK if quick else COUNT
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        list(pool.map(without_rules, range(os.cpu_count() or 1)))  # the processes are there
        began = time.perf_counter()
        found = list(pool.map(findings, range(count), chunksize=20))
        took = time.perf_counter() - began
        began = time.perf_counter()
        list(pool.map(without_rules, range(count // BESIDE), chunksize=20))
        without = (time.perf_counter() - began) * BESIDE
    broken = [one for one in found if one]
    note = f"{len(broken)} findings" + (f", the first: {broken[0]}" if broken else "")
    yield Row(
        NAME, f"{count:,} random schedules, 2 to 5 cpus", took, "s", "without rules", without,
        Target(), note, not broken,
    )  # fmt: skip


def findings(seed: int) -> str:
    """Boot by one random schedule; which rule was broken first, or how else it went wrong."""
    session = _booted(seed, True)
    found = session.findings()
    outcome = session.view().outcome
    if not found and outcome == "booted":
        return ""
    return f"seed {seed}: {found[0].rule if found else outcome}"


def without_rules(seed: int) -> None:
    """The same boot without rules."""
    _booted(seed, False)


def _booted(seed: int, rules: bool) -> Session:
    setup = _setup(PLATFORMS[seed % 4], 2 + seed // 4 % 4, rules)
    session = Session(setup, (f"schedule {schedule(seed)}",))
    session.timeline.enabled = False  # nobody goes back
    session.do("run")
    return session


@cache
def _setup(platform: str, cpus: int, rules: bool) -> Setup:
    """What is booted, read once in each process."""
    return Setup.of(Options(platform=platform, cpus=cpus, rules=rules))


def schedule(seed: int) -> str:
    """Short slices and long ones, by the seed."""
    return f"random {seed} quantum {(50, 200, 1_000, 4_000)[seed // 16 % 4]}"
