"""How long the screen's thread works between two looks at the keys: processor time, so that
other programs on the machine do not count."""

import asyncio
import time
from asyncio import events
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from benchmarks.row import Row, Target
from emu import Session, open_session
from tui.app import ApdbgApp
from tui.panels import PANELS

FEW, MANY, QUICK_MANY = 4, 1_024, 64
SCREENS: Final = (
    ("vbs", (80, 24)), ("vbs", (120, 40)), ("vbs", (200, 50)), ("tdx", (120, 40)),
)  # fmt: skip
"""(Platform, columns and rows)."""
TABS: Final = tuple(panel.id for panel in PANELS if panel.home != "own" or panel.needs)
STANDS: Final = "until kernel_start"
REST_SECONDS: Final = 0.05
"""A panel that was turned to while nothing runs is painted long before."""
PICTURES: Final = 2
"""Pictures of a run that each panel is in sight for."""
AT_A_STOP_SECONDS: Final = 0.025
IN_A_RUN_SECONDS: Final = 0.050
"""Of processor time: a key waits for one of these, and is a picture itself."""
Longest = dict[str, float]
"""Panel -> seconds of its longest stretch."""


def rows(name: str, quick: bool) -> Iterator[Row]:
    """Every panel in turn, at a stop and in a run, beside few CPUs and beside the stop."""
    many = QUICK_MANY if quick else MANY
    for platform, size in SCREENS[: 1 if quick else None]:
        few, _ = asyncio.run(_measured(platform, FEW, size))
        stands, runs = asyncio.run(_measured(platform, many, size))
        what = f"{platform}, {many:,} cpus, {size[0]}x{size[1]}: longest stretch"
        yield _row(name, f"{what} at a stop", stands, f"{FEW} cpus", few, AT_A_STOP_SECONDS)
        yield _row(name, f"{what} in a run", runs, "at a stop", stands, IN_A_RUN_SECONDS)


def _row(name: str, what: str, found: Longest, beside: str, other: Longest, most: float) -> Row:
    worst = max(found, key=lambda panel: found[panel])
    note = f"processor time; {worst} of {len(found)} panels"
    return Row(name, what, found[worst], "s", beside, max(other.values()),
               Target(most=most), note)  # fmt: skip


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The seconds of processor time that each callback of the event loop takes: between two of
    them keys are read."""
    found: list[float] = []
    handle = vars(events)["Handle"]
    run: Callable[[object], None] = handle._run

    def timed(self: object) -> None:
        began = time.process_time()
        run(self)
        found.append(time.process_time() - began)

    handle._run = timed
    try:
        yield found
    finally:
        handle._run = run


async def _measured(platform: str, cpus: int, size: tuple[int, int]) -> tuple[Longest, Longest]:
    """The longest stretch with each panel in sight: at a stop, and in the run from there on,
    as far as that comes before it is over."""
    session = open_session(platform=platform, cpus=cpus)
    session.do(STANDS)
    session.in_slices = True
    app = ApdbgApp(session)
    with _watched() as found:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await _at_a_stop(app, found)  # what is loaded for the first look is not counted
            stands = await _at_a_stop(app, found)
            app.parts.orders.order("run")
            runs = await _in_a_run(app, session, found)
    return stands, runs


async def _at_a_stop(app: ApdbgApp, found: list[float]) -> Longest:
    longest = {}
    for panel in TABS:
        found.clear()
        app.parts.arranging.show_panel(panel)
        app.parts.orders.order("step")
        await asyncio.sleep(REST_SECONDS)
        longest[panel] = max(found)
    return longest


async def _in_a_run(app: ApdbgApp, session: Session, found: list[float]) -> Longest:
    longest = {}
    for panel in TABS:
        app.parts.arranging.show_panel(panel)
        found.clear()
        for _ in range(PICTURES):
            seen = app.desk.seen
            while session.running and app.desk.seen is seen:
                await asyncio.sleep(0)
        if not session.running:
            break
        longest[panel] = max(found)
    return longest
