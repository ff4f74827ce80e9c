"""Two profiles side by side: the steps of APs, the shares of the critical path, exits by kind.

What is compared is aligned by what it is (a step, a phase, a kind, a CPU's number), so boots of
two images or with different numbers of CPUs can be compared as well.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

from emu.profile.critical_view import GROUPS, CriticalPath
from emu.profile.profile import Profile, SectionKind, chosen
from emu.profile.times import Times
from emu.profile.told import SectionLines, table
from emu.profile.waterfall_view import STEPS, Waterfall

SCHEMA: Final = "apdbg-compare/1"
CompareGroup = Literal["boot", "steps", "online", "path", "exits"]
TITLES: Final[dict[CompareGroup, str]] = {
    "boot": "the boot", "steps": "steps of APs, over all of them",
    "online": "from the call for an AP to online", "path": "the critical path",
    "exits": "exits of all CPUs",
}  # fmt: skip
ROWS_MAX: Final = 12
"""Of a group, those that differ most."""


class Compared(Struct, frozen=True):
    """One figure of both; None where one of them has no such thing."""

    group: CompareGroup
    what: str
    unit: Literal["ps", ""]
    first: int | None
    second: int | None

    @property
    def difference(self) -> int:
        """How much more the second has."""
        return (self.second or 0) - (self.first or 0)


class Comparison(Struct, frozen=True):
    """What two profiles have, figure by figure."""

    schema: str
    first: str
    second: str
    """What they are called."""
    rows: tuple[Compared, ...]

    def lines(self) -> SectionLines:
        """Group by group what differs."""
        rows = [f"A {self.first}", f"B {self.second}"]
        for group, title in TITLES.items():
            some = [one for one in self.rows if one.group == group]
            if some:
                rows += ["", *_group(title, some)]
        return tuple(rows)


def _group(title: str, rows: list[Compared]) -> Iterator[str]:
    other = sorted(
        (one for one in rows if one.difference), key=lambda one: -abs(one.difference)
    )
    shown = [one for one in rows if one in other[:ROWS_MAX]]
    if not shown:
        yield f"{title}: the same, {len(rows):,} figures"
        return
    yield from table((title, "A", "B", "B - A", ""), [_row(one) for one in shown])
    same, more = len(rows) - len(other), len(other) - len(shown)
    told = [f"{same:,} are the same"] * (same > 0) + [f"{more:,} more differ"] * (more > 0)
    if told:
        yield f"and {', '.join(told)}"


def _row(one: Compared) -> tuple[str, ...]:
    change = f"{100 * one.difference / one.first:+.1f} %" if one.first else ""
    told = (_figure(one.first, one.unit), _figure(one.second, one.unit))
    sign = "+" if one.difference > 0 else "-"
    return one.what, *told, sign + _figure(abs(one.difference), one.unit), change


def _figure(value: int | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value / 1e6:,.3f} us" if unit else f"{value:,}"


def needed() -> tuple[SectionKind, ...]:
    """The sections that are compared."""
    return chosen(("waterfall", "critical", "cpus"))


def compared(names: tuple[str, str], first: Profile, second: Profile) -> Comparison:
    """Two profiles that have these sections, side by side."""
    rows = (
        Compared("boot", "instructions", "", first.ticks, second.ticks),
        Compared("boot", "CPUs", "", first.cpus, second.cpus),
        Compared("boot", "virtual time", "ps", first.virtual_ps, second.virtual_ps),
        *_both("steps", _steps(first), _steps(second)),
        *_both("online", _online(first), _online(second)),
        *_both("path", _path(first), _path(second)),
        *_both("exits", _exits(first), _exits(second)),
    )
    return Comparison(SCHEMA, *names, rows)


_Figures = Mapping[tuple[str, Literal["ps", ""]], int]


def _both(group: CompareGroup, first: _Figures, second: _Figures) -> Iterator[Compared]:
    for what, unit in dict.fromkeys((*first, *second)):
        key = what, unit
        yield Compared(group, what, unit, first.get(key), second.get(key))


def _steps(found: Profile) -> _Figures:
    fall: Waterfall = found.sections["waterfall"]
    known = {one.step: one.spread for one in fall.segments}
    return {
        (f"{step} {name}", "ps"): 1000 * getattr(known[step], f"{name}_ns")
        for step in STEPS
        if step in known
        for name in ("p50", "p90", "p99", "max")
    }


def _online(found: Profile) -> _Figures:
    fall: Waterfall = found.sections["waterfall"]
    ends = {ap.cpu: {one.step: one.ns for one in ap.steps} for ap in fall.aps}
    return {
        (f"cpu {cpu}", "ps"): 1000 * (ns["online"] - ns["asked"])
        for cpu, ns in ends.items()
        if "online" in ns and "asked" in ns
    }


def _path(found: Profile) -> _Figures:
    path: CriticalPath = found.sections["critical"]
    return {
        (f"{'cpu ' * (by == 'cpu')}{one.what}", "ps"): one.ps
        for by in GROUPS
        if by in ("cpu", "phase", "why")
        for one in path.shares[by]
    }


def _exits(found: Profile) -> _Figures:
    times: Times = found.sections["cpus"]
    counts: Counter[str] = Counter()
    prices: Counter[str] = Counter()
    for cpu in times.cpus:
        for one in cpu.exits:
            counts[one.what] += one.count
            prices[one.what] += one.ps
    rows: dict[tuple[str, Literal["ps", ""]], int] = {}
    for what in counts:
        rows[what, ""], rows[what, "ps"] = counts[what], prices[what]
    return rows
