"""The screen with a thousand CPUs beside the screen with four: what each key costs."""

import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from benchmarks.key_to_frame import TABS, Timed
from benchmarks.row import Row, Target
from benchmarks.turns import p95

CPUS: Final = (4, 1_024)
PLATFORMS: Final = ("vbs", "tdx")
KEYS: Final = (
    "s", "n", ">", "<", "\t", "\x1b[Z", "]", "[", "z", "z", "o", "o", "o", "\x1bOQ",
    "\x1bOQ", "H", "H", "s", ":", "\x03", "?", "?",
)  # fmt: skip
"""Keys each of which changes the picture, in an order in which all do."""
WAYS: Final = {
    "S": ("S",), "N": ("N",), "goto": (":goto 50%\r", ":goto end\r", ":goto 90%\r"),
}  # fmt: skip
"""Ways back, and what is pressed for them."""
QUIET_SECONDS: Final = 0.3
"""A way back may be silent for a while before it comes to its picture."""
ROUNDS: Final = 3
QUICK_ROUNDS: Final = 2
TURNED: Final = 16
"""Turns to another panel in one run."""
KEY_SECONDS: Final = 0.1
BACK_SECONDS: Final = 0.5


def rows(name: str, quick: bool, bare: float) -> Iterator[Row]:
    """`bare`: the p95 of a key of a bare Textual app on this machine."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    for platform in PLATFORMS[: 1 if quick else 2]:
        for cpus in CPUS:
            yield from _screen(name, platform, cpus, rounds, bare)


def _screen(name: str, platform: str, cpus: int, rounds: int, bare: float) -> Iterator[Row]:
    what = f"{platform}, {cpus:,} cpus"

    def row(does: str, times: list[float], most: float, more: str = "") -> Row:
        note = f"median {1e3 * statistics.median(times):.1f} ms of {len(times)}{more}"
        return Row(name, f"{what}: {does}: p95", p95(times), "s", "bare Textual app", bare,
                   Target(most=most), note)  # fmt: skip

    words = ["-m", "tui", "samples/shim.elf", "--cpus", str(cpus), "--platform", platform]
    with closing(Timed(words)) as timed:
        timed.wait_for(b"STOPPED")
        timed.press(":until kernel_start\r")
        timed.wait_for(b"reached")
        timed.painted("s")  # what is loaded for the first picture is not counted
        yield row("every key", [timed.painted(k) for k in KEYS * rounds], KEY_SECONDS)
        for way, keys in WAYS.items():
            times, signs = _back(timed, keys, rounds)
            first = f"; a sign after {1e3 * max(signs):.0f} ms at most"
            yield row(way, times, BACK_SECONDS, first)
        for cpu in (cpus // 3, cpus // 2, cpus - 1):
            timed.painted(f":inject stop {cpu}\r")
        yield row("! next unhappy", [timed.painted("!") for _ in range(3 * rounds)],
                  KEY_SECONDS)  # fmt: skip
        if cpus > CPUS[0]:  # four have booted before a panel is drawn
            yield row("another panel while it runs", _turning(timed, TURNED), KEY_SECONDS)


def _back(timed: Timed, keys: tuple[str, ...], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds to the last byte of each way back, and to the first one."""
    times, signs = [], []
    for _ in range(rounds):
        for key in keys:
            timed.painted("s")
            sign, last = timed.from_to(key, QUIET_SECONDS)
            times.append(last)
            signs.append(sign)
    return times, signs


def _turning(timed: Timed, often: int) -> list[float]:
    """Seconds from a key to another tab of the panel beside the code."""
    timed.press(":registers\r")  # what answers has the keys, wherever they were
    timed.settle()
    timed.press("c")
    timed.wait_for(b"RUNNING")
    times = []
    for index in range(often):
        began = time.perf_counter()
        timed.press("]")
        times.append(timed.wait_for(TABS[index % len(TABS)]) - began)
    return times
