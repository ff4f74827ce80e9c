"""What the rules of the protocol cost: free boots with them, beside the same without."""

import time
from collections.abc import Iterator
from typing import Final

from benchmarks.row import Row, Target
from benchmarks.turns import of_pairs
from emu import open_session

NAME: Final = "rules"
PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")
CPUS: Final = {4: 20, 64: 5, 1024: 1}
"""CPUs -> pairs of boots."""
CPUS_QUICK: Final = {4: 5}
COST: Final = 1.15
"""At the most so many times the boot without rules."""
PIECE_S: Final = 0.05
"""Two boots run in turns, so long each: a machine whose speed changes is as fast for both."""


def rows(quick: bool) -> Iterator[Row]:
    """One row for each platform and number of CPUs: the median of all pairs."""
    for platform in PLATFORMS:
        for cpus, times in (CPUS_QUICK if quick else CPUS).items():
            pairs = [_pair(platform, cpus) for _ in range(times)]
            turns = of_pairs([(with_rules, without) for without, with_rules in pairs])
            yield Row.of_turns(
                NAME, f"{platform}, {cpus:,} cpus", turns, "s", "without rules",
                target=Target(most=COST, ratio=True),
            )  # fmt: skip


def _pair(platform: str, cpus: int) -> tuple[float, float]:
    """Processor seconds from the first instruction to power-off, without rules and with them;
    these include the findings, which are asked for at the end."""
    sessions = [
        open_session(platform=platform, cpus=cpus, rules=rules) for rules in (False, True)
    ]
    took = [0.0, 0.0]
    for session in sessions:
        session.begin("run")
    while any(session.running for session in sessions):
        for index, session in enumerate(sessions):
            began = time.process_time()
            session.pump(PIECE_S)
            took[index] += time.process_time() - began
    began = time.process_time()
    found = sessions[1].findings()
    took[1] += time.process_time() - began
    assert not found, f"the healthy shim broke {found[0].rule}"
    return took[0], took[1]
