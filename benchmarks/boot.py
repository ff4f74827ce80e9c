"""Boots of the sample: a few CPUs in bare steps; many beside few from the shell, and memory."""

import tempfile
from collections.abc import Iterator
from statistics import median
from typing import Final

from benchmarks import process
from benchmarks.row import Row, Target
from benchmarks.turns import of_pairs

NAME: Final = "boot"
PLATFORMS: Final = ("tdx", "vbs", "sipi")
FEW: Final = 4
CROWDS: Final = (64, 256, 1024)
CROWD: Final = {1024: Target(most=15.0, ratio=True)}
"""By number of CPUs: the whole command, at the most so many times that of `FEW`."""
PEAK: Final = {1024: Target(most=400.0)}
"""Megabytes."""
BOOTS: Final = 3
"""So many boots of `FEW` in each turn; their median counts."""
TURNS: Final = 3


def rows(quick: bool) -> Iterator[Row]:
    """The boot alone on every platform, then whole commands."""
    for platform in PLATFORMS:
        yield _few(platform)
    if not quick:
        with tempfile.TemporaryDirectory() as cache:
            for platform in PLATFORMS:
                yield from _crowds(platform, cache)


def _few(platform: str) -> Row:
    """Without what only the first boot of a process does."""
    words = ("-m", "benchmarks.one_boot", platform, str(FEW), str(BOOTS))
    report = process.report_of(process.run(*words))
    assert report, f"a boot on {platform} failed, or was ended after its time"
    wrong = report["wrong"]
    return Row(
        NAME, f"{platform}, {FEW} cpus: the boot alone", report["steps"], "bare steps",
        note=wrong or f"{report['seconds']:.3g} s of processor time", valid=not wrong,
    )  # fmt: skip


def _crowds(platform: str, cache: str) -> Iterator[Row]:
    """All sizes in turns: a command of many is held against the commands of few beside it."""
    _command(platform, FEW, cache)  # everything is compiled
    found: dict[int, list[tuple[float, float]]] = {cpus: [] for cpus in CROWDS}
    peaks: dict[int, float] = {}
    for _ in range(TURNS):
        few = median(_command(platform, FEW, cache).cpu_s for _ in range(BOOTS))
        for cpus in CROWDS:
            finished = _command(platform, cpus, cache)
            found[cpus].append((finished.cpu_s, few))
            peaks[cpus] = max(peaks.get(cpus, 0.0), finished.peak_mb)
    for cpus in CROWDS:
        what = f"{platform}, {cpus:,} cpus: `apdbg run`"
        yield Row.of_turns(
            NAME, what, of_pairs(found[cpus]), "s", f"{FEW} cpus",
            target=CROWD.get(cpus, Target()),
        )  # fmt: skip
        if cpus in PEAK:
            yield Row(NAME, f"{what}: peak memory", peaks[cpus], "MB", target=PEAK[cpus])


def _command(platform: str, cpus: int, cache: str) -> process.Finished:
    """`apdbg run` from the shell."""
    finished, report = process.boot(platform, cpus, cache=cache)
    wrong = process.complaint(report, cpus)
    assert not wrong, wrong
    return finished
