"""What the rules of the protocol cost: free boots with them, beside the same without."""

import time
from collections.abc import Iterator
from typing import Final

from benchmarks.row import Row, Target

NAME: Final = "rules"
PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")
CPUS: Final = {4: 15, 64: 20, 1024: 4}
"""CPUs -> boots of each sort, taken in turns; the best counts."""
CPUS_QUICK: Final = {4: 3}
COST: Final = 1.15
"""At the most so many times the boot without rules."""


def rows(quick: bool) -> Iterator[Row]:
    """One row for each platform and number of CPUs."""
    for platform in PLATFORMS:
        for cpus, times in (CPUS_QUICK if quick else CPUS).items():
            pairs = [(_boot(platform, cpus, False), _boot(platform, cpus, True))
                     for _ in range(times)]  # fmt: skip
            without, with_rules = (min(column) for column in zip(*pairs, strict=True))
            yield Row(
                NAME, f"{platform}, {cpus:,} cpus", with_rules, "s", "without rules", without,
                Target(most=without * COST),
            )  # fmt: skip


def _boot(platform: str, cpus: int, rules: bool) -> float:
    """Seconds from the first instruction to power-off, the findings asked for included."""
    from emu import open_session

    session = open_session(platform=platform, cpus=cpus, rules=rules)
    began = time.perf_counter()
    session.do("run")
    found = session.findings()
    took = time.perf_counter() - began
    assert not found, f"the healthy shim broke {found[0].rule}"
    return took
