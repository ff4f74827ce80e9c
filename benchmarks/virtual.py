"""Virtual time until all CPUs are up: the mailbox (`tdx`) against INIT-SIPI-SIPI (`sipi`).

The published claim for the mailbox is 40 % less, a ratio of 0.6.
"""

from collections.abc import Iterator
from typing import Any, Final

from benchmarks import process
from benchmarks.row import Row

NAME: Final = "virtual time"
CPUS: Final = (4, 16, 64)
CPUS_QUICK: Final = (4, 16)
BASELINES: Final = (("sipi", ""), ("sipi=modern", "sipi=modern"))
"""Name and command line: the delays of the specification, or those of today's Linux."""


def rows(quick: bool) -> Iterator[Row]:
    """Whole boot, and only the part from the first AP started to the last one online."""
    for cpus in CPUS_QUICK if quick else CPUS:
        _, tdx = process.boot("tdx", cpus)
        for name, cmdline in BASELINES:
            _, sipi = process.boot("sipi", cpus, cmdline)
            wrong = process.complaint(tdx, cpus) or process.complaint(sipi, cpus)
            if wrong:
                yield Row(
                    NAME, f"{cpus} cpus", 0.0, "ms virtual", name, note=wrong, valid=False
                )
                continue
            for part, of in (("whole boot", boot_ms), ("bring-up", bring_up_ms)):
                what = f"tdx, {cpus} cpus, {part}"
                yield Row(NAME, what, of(tdx), "ms virtual", name, of(sipi))


def boot_ms(report: dict[str, Any]) -> float:
    """Virtual milliseconds from the first instruction to power-off."""
    return float(report["virtual_ns"]) / 1e6


def bring_up_ms(report: dict[str, Any]) -> float:
    """Virtual milliseconds from `start_aps` to the last AP that comes online first."""
    first: dict[tuple[str, int], int] = {}
    for passed in report["milestones"]:
        first.setdefault((passed["name"], passed["cpu"]), passed["virtual_ns"])
    begin = min(moment for (name, _), moment in first.items() if name == "start_aps")
    end = max(moment for (name, _), moment in first.items() if name == "secondary_online")
    return (end - begin) / 1e6
