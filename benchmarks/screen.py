"""The screen as fingers feel it: from a key to the painted frame, beside a bare Textual app."""

import random
import statistics
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from benchmarks import many_cpus, profile_room, stretches
from benchmarks.key_to_frame import TABS, Timed
from benchmarks.row import Row, Target
from benchmarks.turns import p95, seconds
from emu import Session, open_session
from tui.panels import BY_ID
from tui.panels.base import Window

NAME: Final = "screen"
SAMPLES: Final = 60
QUICK_SAMPLES: Final = 20
CROWDS: Final = ((16, "tdx", 0.033), (1_024, "vbs", 0.050))
"""(CPUs, platform, seconds from a key to the frame)."""
EVENTS: Final = 1_000_000


def rows(quick: bool) -> Iterator[Row]:
    """Steps with few and with many CPUs, keys while it runs, a long log."""
    samples = QUICK_SAMPLES if quick else SAMPLES
    bare_key = _bare(samples)
    for cpus, platform, most in CROWDS[: 1 if quick else 2]:
        yield _step(cpus, platform, most, samples, bare_key)
    yield _while_it_runs(samples, bare_key)
    yield from many_cpus.rows(NAME, quick, bare_key)
    yield from profile_room.rows(NAME, quick, bare_key)
    yield from stretches.rows(NAME, quick)
    yield from _long_log(samples, EVENTS // (10 if quick else 1))


def _screen(cpus: int, platform: str) -> Timed:
    words = ["-m", "tui", "samples/shim.elf", "--cpus", str(cpus), "--platform", platform]
    return Timed(words)


def _bare(samples: int) -> float:
    """The p95 of a key of an app that only changes texts."""
    with closing(Timed(["-m", "benchmarks.bare_screen"])) as timed:
        timed.wait_for(b"ready")
        times = [timed.painted("s") for _ in range(samples)]
    return p95(times)


def _step(cpus: int, platform: str, most: float, samples: int, bare: float) -> Row:
    """Steps with all APs parked, the log filled, every panel in sight drawn."""
    with closing(_screen(cpus, platform)) as timed:
        timed.wait_for(b"STOPPED")
        timed.press(":until kernel_start\r")
        timed.wait_for(b"reached")
        times = [timed.painted("s") for _ in range(samples)]
    note = f"median {1e3 * statistics.median(times):.1f} ms of {samples}"
    what = f"step, {cpus:,} cpus, 120x40: p95 of key to frame"
    return Row(NAME, what, p95(times), "s", "bare Textual app", bare, Target(most=most), note)


def _while_it_runs(samples: int, bare: float) -> Row:
    """Another tab, asked for while 256 CPUs boot."""
    times = []
    with closing(_screen(256, "vbs")) as timed:
        timed.wait_for(b"STOPPED")
        timed.press("\t")
        timed.settle()
        timed.press("c")
        timed.wait_for(b"RUNNING")
        for index in range(min(samples, 24)):
            began = time.perf_counter()
            timed.press("]")
            times.append(timed.wait_for(TABS[index % len(TABS)]) - began)
    note = f"median {1e3 * statistics.median(times):.1f} ms of {len(times)}"
    what = "another tab while 256 cpus run: p95"
    return Row(NAME, what, p95(times), "s", "bare Textual app", bare, Target(most=0.1), note)


def _long_log(samples: int, count: int) -> Iterator[Row]:
    """A log of so many events: a page anywhere in it, a filter, and what it costs to keep."""
    session = open_session(cpus=4)
    _page_time(session, 0)  # what is loaded for the first page is not counted
    few = _page_time(session, 0)
    tracemalloc.start()
    machine = session.machine
    for index in range(count):
        machine.board.event(
            machine.board.cpus[index % 4], "state", f"event {index} of a long log"
        )
    used = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    dice = random.Random(1)
    session.looks.wanted = frozenset({"log"})
    view = session.picture()
    panel = BY_ID["events"]

    def page() -> None:
        panel.render(view, Window(120, 10, dice.randrange(count)))

    times = [seconds(page) for _ in range(10 * samples)]
    what = f"a page anywhere in {count:,} events: p95"
    yield Row(NAME, what, p95(times), "s", "in an empty log", few, Target(most=0.033))
    yield Row(NAME, f"{count:,} events kept", used, "MB", target=Target(most=64.0))
    session.do("events event 77")
    first = seconds(session.view)
    yield Row(NAME, f"a picture with a filter on {count:,} events", first, "s",
              "in an empty log", few, Target(most=0.1))  # fmt: skip


def _page_time(session: Session, top: int) -> float:
    session.looks.wanted = frozenset({"log"})
    return seconds(lambda: BY_ID["events"].render(session.picture(), Window(120, 10, top)))
