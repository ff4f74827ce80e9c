"""What counterfactuals came to, as a table and as sentences about the published claim."""

from collections.abc import Sequence
from typing import Final

from emu.debug.what_if import BY_NAME, ApLoad, WayTaken, less
from emu.profile.told import table

CLAIMED: Final = 40
"""Hundredths of start-up time that a mailbox is said to take less than IPIs."""
PAIRS: Final = (
    ("mailbox", "ipi-legacy"), ("mailbox", "ipi"), ("mailbox-kick", "ipi-kick"),
    ("mailbox-parallel", "ipi-parallel"), ("mailbox-fan-out", "ipi-fan-out"),
    ("mailbox", "ipi-parallel"), ("td-mailbox", "ipi"),
)  # fmt: skip
"""What may be compared with what."""
_BEFORE: Final = (
    "a mailbox's CPUs were started by the firmware before, and what that took is not counted"
)
_UNIT: Final = (
    "1 is what a CPU takes that runs for 1 us; powers have no public figure. The way out of "
    "MWAIT is in the times by its price, that of HLT (hlt_wake_ns) in none"
)
_MATTERS: Final = 0.005
"""A price that moves a result by less than this part of it is not named."""


def as_text(found: Sequence[WayTaken], load: ApLoad) -> str:
    """A row a way, a column a number of CPUs; below, what the results hang on."""
    counts = sorted({one.cpus for one in found})
    names = list(dict.fromkeys(one.way for one in found))
    cells = {(one.way, one.cpus): one for one in found}
    head = ("", *(f"{count:,} CPUs" for count in counts))
    rows = [(name, *(ms(cells[name, count].ps) for count in counts)) for name in names]
    doing = f"each AP does {load.own_us:,} us before it reports, {load.online_us:,} us behind"
    lines = [f"virtual ms from the first start to the last CPU online; {doing}"]
    lines += [*table(head, rows), ""]
    lines += [f"{name}: {BY_NAME[name].words}" for name in names]
    told = [sentence for one in found for sentence in _hangs_on(one)]
    lines += ["", *told] if told else []
    waits = [f"{one.way}, {one.cpus:,} CPUs: {one.waited.told}" for one in found if one.waited]
    lines += ["", *waits, _UNIT] if waits else []
    lines += ["", *claim(found)] if claim(found) else []
    return "\n".join(lines)


def ms(ps: int) -> str:
    """Picoseconds as milliseconds with three places."""
    return f"{ps / 1e9:,.3f}"


def _hangs_on(one: WayTaken) -> list[str]:
    """A line for one way with so many CPUs: its band, and each price that moves it."""
    if not one.ends:
        return []
    moved = [
        f"{end.price} {ms(end.low_ps)} to {ms(end.high_ps)}"
        for end in one.ends
        if max(abs(end.low_ps - one.ps), abs(end.high_ps - one.ps)) >= _MATTERS * one.ps
    ]
    low, high = one.band
    what = "; ".join(moved) or "no price moves it by as much as a two-hundredth"
    return [f"{one.way}, {one.cpus:,} CPUs: {ms(low)} to {ms(high)} ms: {what}"]


def claim(found: Sequence[WayTaken]) -> list[str]:
    """A sentence for each pair that was run: how many hundredths less, for every number of
    CPUs, with the band over the ends of each price, one at a time and the same for both."""
    cells = {(one.way, one.cpus): one for one in found}
    lines = []
    for this, than in PAIRS:
        some = [
            _less(cells[this, count], cells[than, count])
            for count in sorted({one.cpus for one in found})
            if (this, count) in cells and (than, count) in cells
        ]
        if some:
            lines.append(f"{this} against {than}: {_so(some)}")
    return [*lines, _BEFORE] if lines else []


def _less(this: WayTaken, than: WayTaken) -> tuple[int, float, float, float]:
    """(CPUs, hundredths less, least, most)."""
    usual = less(this.ps, than.ps)
    mine = {end.price: (end.low_ps, end.high_ps) for end in this.ends}
    theirs = {end.price: (end.low_ps, end.high_ps) for end in than.ends}
    some = [usual]
    for price in mine.keys() | theirs.keys():
        pairs = zip(
            mine.get(price, (this.ps,) * 2), theirs.get(price, (than.ps,) * 2), strict=True
        )
        some += [less(a, b) for a, b in pairs]
    return this.cpus, usual, min(some), max(some)


def _so(some: Sequence[tuple[int, float, float, float]]) -> str:
    """`2 CPUs 41 % less (12 to 60), ...; the claimed 40 % ...`."""
    told = ", ".join(
        f"{cpus:,} CPUs {abs(usual):.0f} % {'less' if usual >= 0 else 'more'}"
        + (f" ({low:.0f} to {high:.0f})" if round(low) != round(high) else "")
        for cpus, usual, low, high in some
    )
    lows, highs = min(low for *_, low, _ in some), max(high for *_, high in some)
    if lows > CLAIMED:
        return f"{told}; more than the {CLAIMED} % that were claimed"
    if highs < CLAIMED:
        return f"{told}; less than the {CLAIMED} % that were claimed"
    return f"{told}; the {CLAIMED} % that were claimed lie in the band"
