"""A thousand breakpoints that nobody comes by: setting them, and a boot with them."""

from collections.abc import Iterator
from typing import Final

from benchmarks.row import Row, Target
from benchmarks.turns import cpu_seconds, in_turns
from emu import Session, open_session

NAME: Final = "breakpoints"
MANY, FEW = 1_000, 100
CPUS: Final = 4
PLATFORM: Final = "tdx"
TURNS: Final = 5
QUICK_TURNS: Final = 2
STRIDE: Final = 3
"""Bytes between two places that are tried."""
BOOT: Final = Target(most=1.1, ratio=True)
SETTING: Final = Target(most=12.0, ratio=True)
"""Ten times as many may take twelve times as long."""


def rows(quick: bool) -> Iterator[Row]:
    """Both with the same places, in the midst of code that runs."""
    places = unreached(MANY)
    times = QUICK_TURNS if quick else TURNS
    turns = in_turns(
        lambda: _seconds_to_boot(places), lambda: _seconds_to_boot([]), times
    )  # fmt: skip
    what = f"{PLATFORM}, {CPUS} cpus: a boot with {MANY:,} that are not hit"
    yield Row.of_turns(NAME, what, turns, "s", "without", target=BOOT)
    turns = in_turns(
        lambda: _seconds_to_set(places), lambda: _seconds_to_set(places[:FEW]), times
    )
    yield Row.of_turns(NAME, f"setting {MANY:,}", turns, "s", f"{FEW}", target=SETTING)


def unreached(count: int) -> list[int]:
    """Addresses among the shim's own code at which no CPU begins an instruction.

    All are tried in one boot, and those that stopped it are left out.
    """
    session = _opened()
    first = session.view().cpus[0].rip
    tried = [first + STRIDE * index for index in range(2 * count)]
    left = dict(enumerate(tried, 1))
    _set(session, tried)
    while session.do("run").outcome is None:
        stop = session.view().stop[0]
        assert stop.kind == "breakpoint" and stop.cpu is not None, stop
        reached = session.view().cpus[stop.cpu].rip
        number = next(one for one, place in left.items() if place == reached)
        del left[number]
        session.do(f"delete {number}")
    assert len(left) >= count, f"only {len(left)} of {len(tried)} places are never reached"
    return list(left.values())[:count]


def _opened() -> Session:
    return open_session(platform=PLATFORM, cpus=CPUS)


def _set(session: Session, places: list[int]) -> None:
    for place in places:
        session.do(f"break {place:#x}")


def _seconds_to_boot(places: list[int]) -> float:
    """Processor time of a boot after so many breakpoints were set; setting is not counted."""
    session = _opened()
    _set(session, places)
    took = cpu_seconds(lambda: session.do("run"))
    assert session.view().outcome == "booted", "a breakpoint was hit"
    return took


def _seconds_to_set(places: list[int]) -> float:
    session = _opened()
    return cpu_seconds(lambda: _set(session, places))
