"""The profile of a boot with many CPUs: what it takes to make it, and a key in its room."""

import statistics
import time
from collections.abc import Iterator
from contextlib import closing

from benchmarks.key_to_frame import Timed
from benchmarks.row import Row, Target
from benchmarks.turns import p95

CPUS, QUICK_CPUS = 1_024, 64
BOOT_SECONDS = 600.0
KEYS = ("j", "k", "\x1b[6~", "\x1b[6~", "\x1b[5~", "G", "\x1b[H")
"""Rows, pages, the end and the beginning."""


def rows(name: str, quick: bool, bare: float) -> Iterator[Row]:
    """`bare`: the p95 of a key of a bare Textual app on this machine."""
    cpus, rounds = (QUICK_CPUS, 2) if quick else (CPUS, 6)
    words = ["-m", "tui", "samples/shim.elf", "--cpus", str(cpus), "--platform", "tdx"]
    with closing(Timed(words)) as timed:
        timed.wait_for(b"STOPPED")
        timed.press(":run\r")
        timed.wait_for(b"BOOTED", BOOT_SECONDS)
        timed.settle()
        began = time.perf_counter()
        timed.press(":profile\r")
        made = timed.wait_for(b"by one clock" if cpus <= 4 else b"each from its") - began
        yield Row(name, f"the profile of a boot of {cpus:,} cpus", made, "s",
                  target=Target(most=10.0))  # fmt: skip
        timed.painted("z")
        times = [timed.painted(key) for key in KEYS * rounds]
    note = f"median {1e3 * statistics.median(times):.1f} ms of {len(times)}"
    yield Row(name, f"a key in the profile of {cpus:,} cpus: p95", p95(times), "s",
              "bare Textual app", bare, Target(most=0.1), note)  # fmt: skip
