"""What the critical path is, as values: its parts, and the shares of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, Literal

from msgspec import Struct

from emu.profile.told import SectionLines, share, table, us

SHARES_MAX: Final = 8
STAYS_MAX: Final = 24
PHASES_MAX: Final = 3
"""So many of each are told as text."""
PathGroup = Literal["cpu", "phase", "why", "function", "line"]
GROUPS: Final[dict[PathGroup, str]] = {
    "cpu": "CPU", "phase": "phase", "why": "what passes", "function": "function",
    "line": "line",
}  # fmt: skip
"""By what shares are told, in words."""


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
    since_ps: int
    """How long the machine has gone on behind that; no part of the path."""
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
        count = max(len(stays) - 1, 0)
        hops = f"{count:,} time{'s' * (count != 1)} from CPU to CPU"
        since = f"; {us(self.since_ps)} came behind that" if self.since_ps else ""
        rows = [f"{self.ends}: {us(self.whole_ps)} from power-on, {hops}{since}", ""]
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
        return table((f"by {GROUPS[by]}", "", "share"), rows)

    def _way(self, stays: Sequence[tuple[PathPart, ...]]) -> Iterator[str]:
        chosen = sorted(sorted(stays, key=length_of, reverse=True)[:STAYS_MAX], key=_begin)
        rows = []
        for some in chosen:
            phases = list(dict.fromkeys(one.phase for one in some))
            shown = " ".join(phases[:PHASES_MAX]) + " ..." * (len(phases) > PHASES_MAX)
            rows.append((
                f"cpu {some[0].cpu}  {shown}", f"{some[0].begin_ps / 1e6:,.3f}",
                f"{length_of(some) / 1e6:,.3f}", share(length_of(some), self.whole_ps),
                sums(some, "why")[0].what,
            ))  # fmt: skip
        yield from table(("the way, in phases", "from us", "us", "share", "mostly"), rows)
        if len(stays) > len(chosen):
            yield f"and {len(stays) - len(chosen):,} shorter stays"

    def _note(self) -> Iterator[str]:
        if not self.exact:
            yield "functions and lines: where logs saw the CPU last; `profile lines` is exact"


def length_of(some: Sequence[PathPart]) -> int:
    """How long parts are that join."""
    return some[-1].end_ps - some[0].begin_ps


def _begin(some: Sequence[PathPart]) -> int:
    return some[0].begin_ps


def sums(parts: Iterable[PathPart], by: PathGroup) -> tuple[PathShare, ...]:
    """What parts of one kind add up to, the largest first."""
    sums: Counter[str] = Counter()
    for one in parts:
        sums[str(getattr(one, by))] += one.ps
    return tuple(PathShare(what, ps) for what, ps in sums.most_common())
