"""Two profiles side by side: the steps of APs, the shares of the critical path, exits by kind.

What is compared is aligned by what it is (a step, a phase, a kind, a CPU's number), so boots of
two images or with different numbers of CPUs can be compared as well: what was booted otherwise
is told first.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from emu.profile.critical_view import CriticalPath, PathGroup
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


class BootedWith(NamedTuple):
    """One thing that a boot was given: image, platform, CPUs, what was injected, ..."""

    words: str
    same: str
    """Where two have the same here, it is the same thing, whatever it is called."""


NOTHING: Final = BootedWith("none", "")
"""What a boot was given nothing of."""
BootedAll = Mapping[str, BootedWith]
BOOTED_MAX: Final = 12
"""So much of what was booted otherwise is told as text."""


class BootedOther(Struct, frozen=True):
    """Something in which two boots were other ones before their first figure."""

    what: str
    first: str
    second: str


class Compared(Struct, frozen=True):
    """One figure of both; None where one of them has no such thing."""

    group: CompareGroup
    what: str
    unit: Literal["ps", ""]
    first: int | None
    second: int | None

    @property
    def difference(self) -> int | None:
        """How much more the second has; None where only one has such a thing."""
        if self.first is None or self.second is None:
            return None
        return self.second - self.first


class Comparison(Struct, frozen=True):
    """What two profiles have, figure by figure."""

    schema: str
    first: str
    second: str
    """What they are called."""
    booted: tuple[BootedOther, ...]
    """In what they were booted otherwise; none: all that differs came by itself."""
    rows: tuple[Compared, ...]

    def lines(self) -> SectionLines:
        """What was booted otherwise, then group by group what differs."""
        rows = [f"A {self.first}", f"B {self.second}", ""]
        if self.booted:
            rows.append("they were not booted alike:")
            told = [f"    {one.what}: A {one.first}, B {one.second}" for one in self.booted]
            rows += told[:BOOTED_MAX]
            if (more := len(told) - BOOTED_MAX) > 0:
                rows.append(f"    and {more:,} more: --json has them all")
        else:
            rows.append("both were booted alike")
        if all(one.difference == 0 for one in self.rows):
            return (*rows, f"nothing differs: {len(self.rows):,} figures are the same")
        for group, title in TITLES.items():
            some = [one for one in self.rows if one.group == group]
            if some:
                rows += ["", *_group(title, some)]
        return tuple(rows)


def _group(title: str, rows: list[Compared]) -> Iterator[str]:
    other = sorted((one for one in rows if one.difference != 0), key=_least_alike)
    shown = [one for one in rows if one in other[:ROWS_MAX]]
    if not shown:
        yield f"{title}: the same, {len(rows):,} figure{'s' * (len(rows) != 1)}"
        return
    yield from table((title, "A", "B", "B - A", ""), [_row(one) for one in shown])
    same, more = len(rows) - len(other), len(other) - len(shown)
    told = [f"{same:,} {'is' if same == 1 else 'are'} the same"] * (same > 0)
    told += [f"{more:,} more differ{'s' * (more == 1)}"] * (more > 0)
    if told:
        yield f"and {', '.join(told)}"


def _least_alike(one: Compared) -> tuple[bool, int]:
    """What only one of them has comes before what both have, the largest first."""
    if one.difference is None:
        return False, -(one.first or one.second or 0)
    return True, -abs(one.difference)


def _row(one: Compared) -> tuple[str, ...]:
    told = (_figure(one.first, one.unit), _figure(one.second, one.unit))
    if one.difference is None:
        return one.what, *told, "only A" if one.second is None else "only B", ""
    change = f"{100 * one.difference / one.first:+.1f} %" if one.first else ""
    if change in ("-0.0 %", "+0.0 %"):
        change = ""
    sign = "+" if one.difference > 0 else "-"
    return one.what, *told, sign + _figure(abs(one.difference), one.unit), change


def _figure(value: int | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value / 1e6:,.3f} us" if unit else f"{value:,}"


def needed() -> tuple[SectionKind, ...]:
    """The sections that are compared."""
    return chosen(("waterfall", "critical", "cpus"))


def compared(
    names: tuple[str, str], first: Profile, second: Profile, booted: tuple[BootedAll, BootedAll]
) -> Comparison:
    """Two profiles that have these sections, side by side, and what was booted for them."""
    rows = (
        Compared("boot", "instructions", "", first.ticks, second.ticks),
        Compared("boot", "CPUs", "", first.cpus, second.cpus),
        Compared("boot", "virtual time", "ps", first.virtual_ps, second.virtual_ps),
        *_both("steps", _steps(first), _steps(second)),
        *_both("online", _online(first), _online(second)),
        *_both("path", _path(first), _path(second), 0),
        *_both("exits", _exits(first), _exits(second), 0),
    )
    return Comparison(SCHEMA, *names, tuple(_others(*booted)), rows)


def _others(first: BootedAll, second: BootedAll) -> Iterator[BootedOther]:
    for what in dict.fromkeys((*first, *second)):
        one, other = first.get(what, NOTHING), second.get(what, NOTHING)
        if one.same != other.same:
            yield BootedOther(what, one.words, other.words)


_Figures = Mapping[tuple[str, Literal["ps", ""]], int]


def _both(
    group: CompareGroup, first: _Figures, second: _Figures, absent: int | None = None
) -> Iterator[Compared]:
    """`absent`: what one has that has no such thing: of sums and counts nothing, of others no
    figure at all."""
    for what, unit in dict.fromkeys((*first, *second)):
        key = what, unit
        yield Compared(group, what, unit, first.get(key, absent), second.get(key, absent))


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


_PATH: Final[dict[PathGroup, str]] = {"cpu": "cpu ", "phase": "phase ", "why": ""}
"""Shares of the path that are compared, and what stands before the name of each."""


def _path(found: Profile) -> _Figures:
    path: CriticalPath = found.sections["critical"]
    return {
        (prefix + one.what, "ps"): one.ps
        for by, prefix in _PATH.items()
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
