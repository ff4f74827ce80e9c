"""No false alarm: random schedules of the healthy shim, every rule checked, none broken."""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from typing import Final

from benchmarks.bare import Bare
from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds
from emu.debug.session import Session
from emu.debug.setup import Options, Setup
from emu.judge.tried import Tried, Trying
from emu.timeline.chooser import Bounded, Random
from emu.timeline.root import Root, root_at

NAME: Final = "schedules"
PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")
COUNT: Final = 250
"""Schedules for each platform: a minute for all of them."""
COUNT_QUICK: Final = 10
QUANTA: Final = (50_000, 200_000, 1_000_000, 4_000_000)
"""Short slices and long ones, in picoseconds."""
MAX_TICKS: Final = 60_000_000
BEGIN: Final = "start_aps"
"""Where the courses part: up to here the BSP is alone, and every schedule is the same one."""
SWITCHES: Final = 20
ARRIVED: Final = 1_500
"""Instructions from `wake_aps` on, within which all APs arrive."""
SWITCHED: Final = 50
SWITCHED_QUICK: Final = 5
WARM: Final = 8
"""Boots for each process that are not timed: all four counts of CPUs are begun there."""
BESIDE: Final = 10
"""One boot of so many is done without rules too."""


def rows(quick: bool) -> Iterator[Row]:
    """All of them, on all processors; and what one costs."""
    for platform in ("tdx", "vbs"):
        yield from switched(platform, SWITCHED_QUICK if quick else SWITCHED)
    count = COUNT_QUICK if quick else COUNT
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for platform in PLATFORMS:
            yield _drawn(pool, platform, count)


def _drawn(pool: ProcessPoolExecutor, platform: str, count: int) -> Row:
    """Random schedules of one platform on all processors, the newly begun ones warmed up."""
    one, bare = partial(findings, platform), partial(without_rules, platform)
    for boot in (one, bare):
        list(pool.map(boot, range(WARM * (os.cpu_count() or 1))))
    began = time.perf_counter()
    broken = [text for text in pool.map(one, range(count), chunksize=20) if text]
    took = time.perf_counter() - began
    began = time.perf_counter()
    list(pool.map(bare, range(-(-count // BESIDE)), chunksize=20))
    without = (time.perf_counter() - began) * BESIDE
    note = f"{len(broken)} findings" + (f", the first: {broken[0]}" if broken else "")
    return Row(
        NAME, f"{count:,} random schedules, 2 to 5 cpus, {platform}", took, "s",
        "without rules", without, Target(), note, not broken,
    )  # fmt: skip


def findings(platform: str, seed: int) -> str:
    """Boot by one random schedule; which rule was broken first, or how else it went wrong."""
    tried = _booted(platform, seed, True)
    if tried.well:
        return ""
    return f"seed {seed}: {tried.rules[0] if tried.rules else tried.verdict.outcome}"


def without_rules(platform: str, seed: int) -> None:
    """The same boot without rules."""
    _booted(platform, seed, False)


def _booted(platform: str, seed: int, rules: bool) -> Tried:
    trying = _begun(platform, 2 + seed % 4, rules)
    return trying.by(Random(QUANTA[seed // 4 % 4], seed))


@cache
def _begun(platform: str, cpus: int, rules: bool) -> Trying:
    """What is booted, made once in each process."""
    session = Session(Setup.of(Options(platform=platform, cpus=cpus, rules=rules)))
    session.do(f"until {BEGIN}")
    judge = session.desk.judge
    before, schedule = judge.here(), session.timeline.driver.schedule.save()
    return Trying(Root(session.machine, schedule), judge, before, MAX_TICKS)


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
