"""Whole boots of the sample: few CPUs in bare steps, many beside few, memory at its peak."""

from collections.abc import Iterator
from typing import Any, Final

from benchmarks import process
from benchmarks.row import Row, Target
from benchmarks.turns import of_pairs

NAME: Final = "boot"
PLATFORMS: Final = ("tdx", "vbs", "sipi")
FEW: Final = 4
CROWDS: Final = (64, 256, 1024)
TARGETS: Final = {1024: Target(most=15.0, ratio=True)}
"""By number of CPUs: at the most so many times the boot of `FEW`."""
PEAK: Final = {1024: Target(most=400.0)}
"""Megabytes."""
BOOTS: Final = 3
"""So many boots of `FEW` in each process that boots them."""
TURNS: Final = 3


def rows(quick: bool) -> Iterator[Row]:
    """Each boot in a process of its own, few and many in turns."""
    for platform in PLATFORMS:
        if quick:
            yield _few(platform, [_boots(platform, FEW, BOOTS)])
        else:
            yield from _crowds(platform)


def _boots(platform: str, cpus: int, times: int) -> dict[str, Any]:
    words = ("-m", "benchmarks.one_boot", platform, str(cpus), str(times))
    report = process.report_of(process.run(*words))
    assert report, f"a boot of {cpus} cpus on {platform} failed, or was ended after its time"
    return report


def _few(platform: str, found: list[dict[str, Any]]) -> Row:
    pairs = [(one["steps"], one["seconds"]) for one in found]
    turns, wrong = of_pairs(pairs), "".join(one["wrong"] for one in found)
    return Row(
        NAME, f"{platform}, {FEW} cpus", turns.mine, "bare steps",
        note=wrong or f"{turns.other:.3g} s of processor time", valid=not wrong,
    )  # fmt: skip


def _crowds(platform: str) -> Iterator[Row]:
    """All sizes in turns: a boot of many is held against the boots of few beside it."""
    few: list[dict[str, Any]] = []
    crowds: dict[int, list[dict[str, Any]]] = {cpus: [] for cpus in CROWDS}
    for _ in range(TURNS):
        few.append(_boots(platform, FEW, BOOTS))
        for cpus, found in crowds.items():
            found.append(_boots(platform, cpus, 1))
    yield _few(platform, few)
    for cpus, found in crowds.items():
        turns = of_pairs([(a["steps"], b["steps"]) for a, b in zip(found, few, strict=True)])
        wrong = "".join(one["wrong"] for one in found)
        seconds = of_pairs([(one["seconds"], one["peak_mb"]) for one in found])
        what = f"{platform}, {cpus:,} cpus"
        yield Row.of_turns(
            NAME, what, turns, "bare steps", f"{FEW} cpus",
            target=TARGETS.get(cpus, Target()), valid=not wrong,
            note=wrong or f"{seconds.mine:.3g} s of processor time",
        )  # fmt: skip
        if cpus in PEAK:
            yield Row(NAME, f"{what}: peak memory", seconds.other, "MB", target=PEAK[cpus],
                      valid=not wrong)  # fmt: skip
