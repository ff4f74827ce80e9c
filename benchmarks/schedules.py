"""No false alarm: random schedules of the healthy shim, every rule checked, none broken."""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Final

from benchmarks.bare import Bare
from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds
from emu.debug.session import Session
from emu.debug.setup import Options, Setup
from emu.judge.judge import Judge
from emu.judge.tried import Tried, Trying
from emu.timeline.chooser import Bounded, Random
from emu.timeline.root import Root, root_at

NAME: Final = "schedules"
PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")
COUNT: Final = 10_000
COUNT_QUICK: Final = 40
QUANTA: Final = (50_000, 200_000, 1_000_000, 4_000_000)
"""Short slices and long ones, in picoseconds."""
MAX_TICKS: Final = 60_000_000
SWITCHES: Final = 20
ARRIVED: Final = 1_500
"""Instructions from `wake_aps` on, within which all APs arrive."""
SWITCHED: Final = 100
SWITCHED_QUICK: Final = 5
BESIDE: Final = 10
"""One boot of so many is done without rules too."""


def rows(quick: bool) -> Iterator[Row]:
    """All of them, on all processors; and what one costs."""
    for platform in ("tdx", "vbs"):
        yield from switched(platform, SWITCHED_QUICK if quick else SWITCHED)
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
    tried = _booted(seed, True)
    if tried.well:
        return ""
    return f"seed {seed}: {tried.rules[0] if tried.rules else tried.verdict.outcome}"


def without_rules(seed: int) -> None:
    """The same boot without rules."""
    _booted(seed, False)


def _booted(seed: int, rules: bool) -> Tried:
    trying = _power_on(PLATFORMS[seed % 4], 2 + seed // 4 % 4, rules)
    return trying.by(Random(QUANTA[seed // 16 % 4], seed))


@cache
def _power_on(platform: str, cpus: int, rules: bool) -> Trying:
    """What is booted, built once in each process."""
    machine = Setup.of(Options(platform=platform, cpus=cpus, rules=rules)).machine()
    judge = Judge(machine)
    return Trying(Root(machine), judge, judge.here(), MAX_TICKS)


def switched(platform: str, count: int) -> Iterator[Row]:
    """What a schedule with 20 forced switches costs from the first wake-up to the arrival of
    the APs, judged and with a digest: from a root, and through a session."""
    session = Session(Setup.of(Options(platform=platform, cpus=4)))
    session.do("until wake_aps")
    timeline, desk = session.timeline, session.desk
    here, begun = timeline.now.tick, timeline.driver.schedule.begun
    before = session.desk.judge.here()
    with root_at(timeline) as root:
        trying = Trying(root, desk.judge, before, here + ARRIVED)
        choosers = [_switches(seed, begun) for seed in range(count)]

        def from_root() -> None:
            for chooser in choosers:
                trying.by(chooser)
                desk.digest.now()

        mine = cpu_seconds(from_root) / count

    def through_session() -> None:
        for chooser in choosers:
            for words in (f"goto {here}", f"schedule {chooser.text}", f"run {ARRIVED}"):
                session.do(words)
            session.findings()
            session.digest()

    other, step = cpu_seconds(through_session) / count, Bare().step_seconds()
    yield Row(
        NAME, f"one with {SWITCHES} switches, 4 cpus, {platform}", mine / step, "bare steps",
        "by the session", other / step, Target(),
    )  # fmt: skip


def _switches(seed: int, begun: int) -> Bounded:
    draw = random.Random(seed)
    places = sorted(draw.sample(range(begun, begun + 2 * SWITCHES), SWITCHES))
    return Bounded(QUANTA[0], tuple((place, draw.randrange(4)) for place in places))
