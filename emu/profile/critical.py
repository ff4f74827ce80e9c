"""The critical path as a section: its parts with phase, function and line, and what share of
the whole time each CPU, phase, kind of waiting and place has."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from emu.profile.basis import Basis
from emu.profile.path import PathStretch, end_of, walk
from emu.profile.places import Places
from emu.profile.told import SectionLines, share, table, us

SHARES_MAX: Final = 8
STAYS_MAX: Final = 24
PHASES_MAX: Final = 3
"""So many of each are told as text."""
PathGroup = Literal["cpu", "phase", "why", "function", "line"]
GROUPS: Final[tuple[PathGroup, ...]] = ("cpu", "phase", "why", "function", "line")


class PathPart(Struct, frozen=True):
    """A stretch of the path: whose, when, where, and what passes: `runs`, the exit that is
    paid for, or what is waited for."""

    cpu: int
    phase: str
    function: str
    """In which function, and at which line; `-` where that is not known."""
    line: str
    why: str
    tick: int
    begin_ps: int
    end_ps: int

    @property
    def ps(self) -> int:
        """How long it is."""
        return self.end_ps - self.begin_ps


class PathShare(Struct, frozen=True):
    """What all parts of one kind add up to."""

    what: str
    ps: int


class CriticalPath(Struct, frozen=True):
    """From power-on to the end of the boot."""

    ends: str
    """What the end is: `cpu 0 switches the machine off`."""
    whole_ps: int
    parts: tuple[PathPart, ...]
    """Oldest first, without gaps."""
    shares: dict[PathGroup, tuple[PathShare, ...]]
    """The largest first."""
    exact: bool
    """Whether functions and lines are those of every instruction; else of the last place at
    which the logs saw the CPU."""

    @property
    def stays(self) -> tuple[tuple[PathPart, ...], ...]:
        """The parts between two changes from CPU to CPU."""
        return tuple(tuple(some) for _, some in groupby(self.parts, lambda one: one.cpu))

    def lines(self) -> SectionLines:
        """The way from CPU to CPU, then the shares."""
        stays = self.stays
        hops = f"{max(len(stays) - 1, 0):,} times from CPU to CPU"
        rows = [f"cpu {self.ends}: {us(self.whole_ps)} from power-on, {hops}", ""]
        rows += self._way(stays)
        for by in GROUPS:
            rows += ["", *self._shares(by)]
        return (*rows, *self._note())

    def _shares(self, by: PathGroup) -> SectionLines:
        some = self.shares[by]
        rows = [
            (f"{'cpu ' * (by == 'cpu')}{one.what}", us(one.ps), share(one.ps, self.whole_ps))
            for one in some[:SHARES_MAX]
        ]
        if rest := some[SHARES_MAX:]:
            left = sum(one.ps for one in rest)
            rows.append((f"{len(rest):,} others", us(left), share(left, self.whole_ps)))
        return table((f"by {by}", "", "share"), rows)

    def _way(self, stays: Sequence[tuple[PathPart, ...]]) -> Iterator[str]:
        chosen = sorted(sorted(stays, key=_length, reverse=True)[:STAYS_MAX], key=_begin)
        rows = []
        for some in chosen:
            phases = list(dict.fromkeys(one.phase for one in some))
            shown = " ".join(phases[:PHASES_MAX]) + " ..." * (len(phases) > PHASES_MAX)
            rows.append((
                f"cpu {some[0].cpu}  {shown}", f"{some[0].begin_ps / 1e6:,.3f}",
                f"{_length(some) / 1e6:,.3f}", share(_length(some), self.whole_ps),
                _sums(some, "why")[0].what,
            ))  # fmt: skip
        yield from table(("the way, in phases", "from us", "us", "share", "mostly"), rows)
        if len(stays) > len(chosen):
            yield f"and {len(stays) - len(chosen):,} shorter stays"

    def _note(self) -> Iterator[str]:
        if not self.exact:
            yield "functions and lines: where logs saw the CPU last; `profile lines` is exact"


def critical(basis: Basis) -> CriticalPath:
    """The path up to now, or up to the end of the boot."""
    end, places = end_of(basis), Places(basis)
    stretches = reversed(tuple(walk(basis.courses, end)))
    parts = tuple(_joined(part for one in stretches for part in _parts(places, one)))
    exact = basis.looked.code is not None
    shares = {by: _sums(parts, by) for by in GROUPS}
    return CriticalPath(f"{end.cpu} {end.words}", end.ps, parts, shares, exact)


def _parts(places: Places, one: PathStretch) -> Iterator[PathPart]:
    """A stretch, cut where phase or place change."""
    cuts, pace = [one.tick], one.pace_ps
    if pace:
        count = -(-(one.end_ps - one.begin_ps) // pace)
        cuts += places.changes(one.cpu, one.tick, one.tick + count)
    for number, tick in enumerate(cuts):
        begin = one.begin_ps + (tick - one.tick) * pace
        last = number + 1 == len(cuts)
        end = one.end_ps if last else one.begin_ps + (cuts[number + 1] - one.tick) * pace
        function, line = places.spot(one.cpu, tick)
        yield PathPart(
            one.cpu, places.phase(one.cpu, tick), function, line, one.why, tick, begin, end
        )


def _joined(parts: Iterable[PathPart]) -> Iterator[PathPart]:
    """Neighbours that are alike are one."""
    before: PathPart | None = None
    for one in parts:
        if before is not None and _kind(before) == _kind(one):
            before = replace(before, end_ps=one.end_ps)
            continue
        if before is not None:
            yield before
        before = one
    if before is not None:
        yield before


def _length(some: Sequence[PathPart]) -> int:
    return some[-1].end_ps - some[0].begin_ps


def _begin(some: Sequence[PathPart]) -> int:
    return some[0].begin_ps


def _kind(one: PathPart) -> tuple[int, str, str, str, str]:
    return one.cpu, one.phase, one.function, one.line, one.why


def _sums(parts: Iterable[PathPart], by: PathGroup) -> tuple[PathShare, ...]:
    sums: Counter[str] = Counter()
    for one in parts:
        sums[str(getattr(one, by))] += one.ps
    return tuple(PathShare(what, ps) for what, ps in sums.most_common())
