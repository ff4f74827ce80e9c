"""What counterfactuals came to, as a table and as sentences about the published claim."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from emu.debug.what_if import ApLoad, AtEnds, TimeTaken, WayTaken, less
from emu.debug.what_if_ways import BY_NAME
from emu.profile.told import table

CLAIMED: Final = 40
"""Hundredths of start-up time that a mailbox is said to take less than IPIs."""
PAIRS: Final = (
    ("mailbox", "ipi-legacy"), ("mailbox", "ipi"), ("mailbox-kick", "ipi-kick"),
    ("mailbox-parallel", "ipi-parallel"), ("mailbox-fan-out", "ipi-fan-out"),
    ("mailbox", "ipi-parallel"), ("td-mailbox", "ipi"),
)  # fmt: skip
"""What the claim may be about: what against what."""
OTHERS: Final = (
    ("mailbox-each", "mailbox"), ("mailbox-each-parallel", "mailbox-parallel"),
    ("mailbox-each-direct", "mailbox-parallel"), ("td-accept-lazy", "td-accept-first"),
    ("td-accept-all", "td-accept-first"),
)  # fmt: skip
"""What else is held against each other."""
ACCEPTED: Final = ", all accepted"
"""Behind a way's name: until all memory is."""
_BEFORE: Final = (
    "a mailbox's CPUs were started by the firmware before, and what that took is not counted"
)
_UNIT: Final = (
    "1 is what a CPU takes that runs for 1 us; powers have no public figure. The way out of "
    "MWAIT is in the times by its price, that of HLT (hlt_wake_ns) in none"
)
_MATTERS: Final = 0.005
"""A price that moves a result by less than this part of it is not named."""


class WayMoment(NamedTuple):
    """One row and column of the table."""

    name: str
    cpus: int
    taken: TimeTaken


def cells_of(found: Sequence[WayTaken]) -> tuple[WayMoment, ...]:
    """Every moment that is told; behind a way that accepts memory until all of it is."""
    return tuple(
        WayMoment(f"{one.way}{more}", one.cpus, taken)
        for one in found
        for more, taken in (("", one.online), (ACCEPTED, one.accepted))
        if taken is not None
    )


def as_text(found: Sequence[WayTaken], load: ApLoad) -> str:
    """A row a way, a column a number of CPUs; below, what the results hang on."""
    cells = cells_of(found)
    counts, names = in_order(cells)
    ps = {(one.name, one.cpus): one.taken.ps for one in cells}
    head = ("", *(f"{count:,} CPUs" for count in counts))
    rows = [(name, *(ms(ps[name, count]) for count in counts)) for name in names]
    lines = [_head(found, load), *table(head, rows), ""]
    ways = dict.fromkeys(one.way for one in found)
    lines += [f"{name}: {BY_NAME[name].words}" for name in ways]
    told = [_hangs_on(one) for one in cells if one.taken.ends]
    lines += ["", "with each price at the low and the high end of its range:"] if told else []
    lines += told
    waits = [f"{one.way}, {one.cpus:,} CPUs: {one.waited.told}" for one in found if one.waited]
    waits += [_UNIT] if waits else []
    for some in (waits, claim(found), compared(found)):
        lines += ["", *some] if some else []
    return "\n".join(lines)


def in_order(cells: Sequence[WayMoment]) -> tuple[list[int], list[str]]:
    """(Numbers of CPUs, ascending; names of rows)."""
    return sorted({one.cpus for one in cells}), list(dict.fromkeys(one.name for one in cells))


def _head(found: Sequence[WayTaken], load: ApLoad) -> str:
    doing = f"each AP does {load.own_us:,} us before it reports, {load.online_us:,} us behind"
    if any(one.accepted is not None for one in found):
        pages = " in pages of 4 KiB" if load.small_pages else ""
        doing += f"; {load.accept_mib:,} MiB to accept{pages}"
    return f"virtual ms from the first start to the last CPU online; {doing}"


def ms(ps: int) -> str:
    """Picoseconds as milliseconds with three places."""
    return f"{ps / 1e9:,.3f}"


def _hangs_on(one: WayMoment) -> str:
    """A line for one way with so many CPUs: its band, and each price that moves it."""
    low, high = one.taken.band
    what = "; ".join(moves(one.taken)) or "no price moves it by as much as a two-hundredth"
    return f"{one.name}, {one.cpus:,} CPUs: {ms(low)} to {ms(high)} ms: {what}"


def moves(one: TimeTaken, name: str = "{}") -> list[str]:
    """How far each price moves a result, that which moves it most first: `io_ns -1 % to +5 %`,
    at its low and its high end. What moves it by nothing to speak of is left out."""
    far = {end.price: abs(end.high_ps - end.low_ps) for end in one.ends}
    some = [
        end
        for end in sorted(one.ends, key=lambda end: -far[end.price])
        if max(abs(end.low_ps - one.ps), abs(end.high_ps - one.ps)) >= _MATTERS * one.ps
    ]
    return [f"{name.format(end.price)} {_signed(end, one.ps)}" for end in some]


def _signed(end: AtEnds, usual: int) -> str:
    low, high = (round(100 * (ps / usual - 1), 1) + 0.0 for ps in (end.low_ps, end.high_ps))
    return f"{low:+,.1f} % to {high:+,.1f} %"


def claim(found: Sequence[WayTaken]) -> list[str]:
    """A sentence for each pair that the claim may be about: how many hundredths less, for
    every number of CPUs, with the band over the ends of each price, one at a time and the same
    for both."""
    lines = [f"{words}: {_so(some)}; {_held(some)}" for words, some in _pairs(found, PAIRS)]
    return [*lines, _BEFORE] if lines else []


def compared(found: Sequence[WayTaken]) -> list[str]:
    """A sentence for each of the other pairs, about both moments that they have."""
    return [f"{words}: {_so(some)}" for words, some in _pairs(found, OTHERS)]


class _Less(NamedTuple):
    """How many hundredths less, with the least and most."""

    cpus: int
    usual: float
    low: float
    high: float

    @property
    def told(self) -> str:
        """`41 % less (12 to 60)`."""
        band = (
            ""
            if round(self.low) == round(self.high)
            else f" ({round(self.low)} to {round(self.high)})"
        )
        if not round(self.usual):
            return f"the same{band}"
        return f"{abs(self.usual):.0f} % {'less' if self.usual > 0 else 'more'}{band}"


def _pairs(
    found: Sequence[WayTaken], pairs: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, list[_Less]]]:
    """(`this against that`, what it came to) of those pairs that were run."""
    cells = {(one.name, one.cpus): one.taken for one in cells_of(found)}
    counts = sorted({one.cpus for one in found})
    for this, than in pairs:
        for more in ("", ACCEPTED):
            mine, theirs = f"{this}{more}", f"{than}{more}"
            some = [
                _less(count, cells[mine, count], cells[theirs, count])
                for count in counts
                if (mine, count) in cells and (theirs, count) in cells
            ]
            if some:
                yield f"{this} against {than}{more}", some


def _less(cpus: int, this: TimeTaken, than: TimeTaken) -> _Less:
    usual = less(this.ps, than.ps)
    mine = {end.price: (end.low_ps, end.high_ps) for end in this.ends}
    theirs = {end.price: (end.low_ps, end.high_ps) for end in than.ends}
    some = [usual]
    for price in mine.keys() | theirs.keys():
        pairs = zip(
            mine.get(price, (this.ps,) * 2), theirs.get(price, (than.ps,) * 2), strict=True
        )
        some += [less(a, b) for a, b in pairs]
    return _Less(cpus, usual, min(some), max(some))


def _so(some: Sequence[_Less]) -> str:
    """`2 CPUs 41 % less (12 to 60), 4 to 64 CPUs ...`: neighbours that are alike are one."""
    parts = []
    for told, group in groupby(some, key=lambda one: one.told):
        counts = [f"{one.cpus:,}" for one in group]
        cpus = counts[0] if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        parts.append(f"{cpus} CPUs {told}")
    return ", ".join(parts)


def _held(some: Sequence[_Less]) -> str:
    """What becomes of the claim."""
    lows, highs = min(one.low for one in some), max(one.high for one in some)
    if lows > CLAIMED:
        return f"more than the {CLAIMED} % that were claimed"
    if highs < CLAIMED:
        return f"less than the {CLAIMED} % that were claimed"
    return f"the {CLAIMED} % that were claimed lie in the band"
