"""Two commits compared by the same benchmarks, in child processes by turns: A B B A.

These benchmarks measure both products through the door, which is stable; a row that an older
product cannot give is named, and nothing fails by it.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from msgspec import Struct, field

from benchmarks import process
from benchmarks.other_tree import tree_of
from benchmarks.row import columns

HEADS: Final = ("", "here", "there", "here/there")
_ORDER: Final = ((0, 1), (1, 0))
"""Of each turn: 0 is this tree, 1 the other commit."""


class Found(Struct):
    """What the children of one tree have told."""

    costs: dict[str, list[float]] = field(default_factory=dict)
    """Row -> its cost in each turn; what grows is worse."""
    owners: dict[str, str] = field(default_factory=dict)
    """Row -> the benchmark by whose name it is asked for."""
    failed: dict[str, str] = field(default_factory=dict)
    """Benchmark -> why it could not be measured."""


class Compared(Struct, frozen=True):
    """One row of both trees."""

    key: str
    owner: str
    here: float
    there: float

    @property
    def ratio(self) -> float:
        """How many times as costly it is here."""
        if self.there:
            return self.here / self.there
        return 1.0 if not self.here else float("inf")


def against(
    revision: str, names: list[str], quick: bool, bound: float | None, tries: int
) -> int:
    """Compare, print, and say whether all is well: 1 where a row is more than `bound` times
    as costly in each try, or cannot be measured here. Raises NoTreeError."""
    with tree_of(revision, measured_by=True) as other, tempfile.TemporaryDirectory() as cache:
        trees = (process.ROOT, other)
        for turn in range(tries):
            here, there = measured(trees, names, quick, cache)
            rows = compared(here, there)
            print(f"beside {revision}, costs (what grows is worse)", flush=True)
            print("\n".join(told(rows, here, there)), flush=True)
            if here.failed:
                return 1
            slow = [row for row in rows if bound is not None and row.ratio > bound]
            if not slow:
                return 0
            print(f"more than {bound:g} times as costly in try {turn + 1} of {tries}:")
            print("".join(f"  {row.key}: x {row.ratio:.3g}\n" for row in slow), flush=True)
            names = sorted({row.owner for row in slow})
    return 1


def measured(
    trees: tuple[Path, Path], names: list[str], quick: bool, cache: str
) -> tuple[Found, Found]:
    """Both trees' rows, each benchmark by turns."""
    found = (Found(), Found())
    for name in names:
        for order in _ORDER:
            for index in order:
                if name not in found[index].failed:
                    note(found[index], name, _child(trees[index], name, quick, cache))
    return found


def _child(root: Path, name: str, quick: bool, cache: str) -> dict[str, Any]:
    """What one benchmark says in a process of its own."""
    words = ("-m", "benchmarks", "--json", *(("--quick",) if quick else ()), name)
    return process.report_of(process.run(*words, root=root, cache=cache))


def note(found: Found, name: str, report: dict[str, Any]) -> None:
    """Keep what a child has told; without a report it did not even begin."""
    if not report:
        found.failed[name] = "it did not start, or was ended after its time"
        return
    found.failed.update(report["failed"])
    for row in report["rows"]:
        key = f"{row['benchmark']}: {row['what']}"
        if not row.get("valid", True):
            found.failed[name] = f"{row['what']}: {row['note']}"
            continue
        found.costs.setdefault(key, []).append(row["cost"])
        found.owners[key] = name


def compared(here: Found, there: Found) -> list[Compared]:
    """The rows that both have, in medians."""
    return [
        Compared(key, here.owners[key], median(costs), median(there.costs[key]))
        for key, costs in here.costs.items()
        if key in there.costs
    ]


def told(rows: list[Compared], here: Found, there: Found) -> list[str]:
    """The table, and a sentence for each that has no place in it."""
    cells = [
        (row.key, f"{row.here:.3g}", f"{row.there:.3g}", f"x {row.ratio:.3g}") for row in rows
    ]
    lines = [f"  {line}" for line in columns([HEADS, *cells])] if cells else []
    for name, why in here.failed.items():
        lines.append(f"  {name} cannot be measured here: {why}")
    for name, why in there.failed.items():
        lines.append(f"  {name} cannot be measured there: {why}")
    lines += [
        f"  {key} is not measured there"
        for key, owner in here.owners.items()
        if key not in there.costs and owner not in there.failed
    ]
    return lines
