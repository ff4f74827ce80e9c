"""Boots from the shell: how long the whole command takes, and how much memory at its peak."""

from collections.abc import Iterator
from typing import Final

from benchmarks import process
from benchmarks.row import Row, Target

NAME: Final = "boot"
PLATFORMS: Final = ("tdx", "vbs", "sipi")
CPUS: Final = (1, 2, 4, 16, 255, 256, 1024)
CPUS_QUICK: Final = (1, 4, 16)
WALL: Final = {4: Target(most=1.5), 1024: Target(most=60.0)}
"""Seconds, by number of CPUs."""
PEAK: Final = {1024: Target(most=400.0)}
"""Megabytes."""
OFTEN: Final = 16
"""Up to so many CPUs the best of three boots counts, since others use the machine."""
BARE: Final = ("-c", "import unicorn")


def rows(quick: bool) -> Iterator[Row]:
    """Two rows, seconds and megabytes, for each platform and number of CPUs."""
    bare = min((process.run(*BARE) for _ in range(3)), key=lambda found: found.wall_s)
    for platform in PLATFORMS:
        for cpus in CPUS_QUICK if quick else CPUS:
            yield from _boot(platform, cpus, bare)


def _boot(platform: str, cpus: int, bare: process.Finished) -> Iterator[Row]:
    tries = [process.boot(platform, cpus) for _ in range(3 if cpus <= OFTEN else 1)]
    finished, report = min(tries, key=lambda found: found[0].wall_s)
    wrong = process.complaint(report, cpus)
    note = wrong or f"{report['ticks']:,} instructions"
    what = f"{platform}, {cpus:,} cpus"
    yield Row(
        NAME, what, finished.wall_s, "s", "import unicorn", bare.wall_s,
        WALL.get(cpus, Target()), note, not wrong,
    )  # fmt: skip
    yield Row(
        NAME, what, finished.peak_mb, "MB", "import unicorn", bare.peak_mb,
        PEAK.get(cpus, Target()), valid=not wrong,
    )  # fmt: skip
