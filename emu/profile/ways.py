"""Which way of waiting takes least at which length, the way out included.

MWAIT's depths are those that the platform offers; where it offers none, two are compared with
what a run did.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from emu.boot.mwait import Depth, leaving, power
from emu.boot.prices import Price
from emu.machine.machine import Machine
from emu.profile.prices import prices_for

WAYS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("spinning", "power_spin", ()),
    ("pausing", "power_pause", ("pause_ns",)),
    ("HLT", "power_hlt", ("ipi_ns", "hlt_wake_ns")),
)
"""(what it is called, its power, what leaving it takes), but for MWAIT."""
COMPARED: Final[tuple[Depth, ...]] = ("C1", "C6")
"""Where none is offered: C8 and C10 are of other processors than the figures for these."""


def _ways(depths: Sequence[Depth]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """All of them."""
    mwaits = ((f"MWAIT {one}", power(one), (leaving(one),)) for one in depths or COMPARED)
    return (*WAYS[:-1], *mwaits, WAYS[-1])


class Waiting(Struct, frozen=True):
    """One kind of waiting: its power, and how long it takes to leave it."""

    name: str
    power: float
    leave_ns: float
    leave_low: float
    leave_high: float
    source: str


class Wins(Struct, frozen=True):
    """From which length on a kind takes least, its way out included, up to the next one."""

    name: str
    from_ns: float
    low_ns: float
    high_ns: float
    """What the ranges of the times to leave it make of that length."""


class WaysOfCore(Struct, frozen=True):
    """Which way to wait takes least at which length, on one type of cores."""

    core: str
    """Its name; empty where all are alike."""
    ways: tuple[Waiting, ...]
    wins: tuple[Wins, ...]


def ways(
    prices: Mapping[str, Price], depths: Sequence[Depth] = COMPARED
) -> tuple[Waiting, ...]:
    """The ways to wait. Whoever halts in a guest is woken by an interrupt, which somebody must
    send."""
    return tuple(
        Waiting(
            name, prices[each].value, sum(prices[one].value for one in leave),
            sum(prices[one].low for one in leave), sum(prices[one].high for one in leave),
            "; ".join(prices[one].told for one in (each, *leave)),
        )
        for name, each, leave in _ways(depths)
    )  # fmt: skip


def envelope(some: Sequence[Waiting]) -> tuple[Wins, ...]:
    """Which takes least, by length: of lines, whose slope is the power and which begin at what
    leaving takes (at the power of running), the lower envelope."""
    now = min(some, key=lambda one: (one.leave_ns, one.power))
    found = [Wins(now.name, 0.0, 0.0, 0.0)]
    while True:
        later = [
            ((one.leave_ns - now.leave_ns) / (now.power - one.power), one.power, one)
            for one in some
            if one.power < now.power
        ]
        if not later:
            return tuple(found)
        at, _, following = min(later, key=lambda one: one[:2])
        slope = now.power - following.power
        found.append(
            Wins(
                following.name, at, max(0.0, (following.leave_low - now.leave_high) / slope),
                (following.leave_high - now.leave_low) / slope,
            )
        )  # fmt: skip
        now = following


def core_of(machine: Machine, cpu: int) -> str:
    lie = machine.board.platform.topology
    kind = lie.type_of(cpu) if lie else None
    return kind.name if kind else ""


def kinds_of(machine: Machine) -> dict[str, WaysOfCore]:
    found: dict[str, WaysOfCore] = {}
    for cpu in machine.board.cpus:
        name = core_of(machine, cpu.id)
        if name not in found:
            platform = machine.board.platform
            some = ways(prices_for(platform, cpu.id), platform.mwait)
            found[name] = WaysOfCore(name, some, envelope(some))
    return found


def taken(way: Waiting, ps: int) -> float:
    """What a wait of that length takes, the way out included, in CPUs that run for 1 us."""
    return (way.power * ps / 1000 + way.leave_ns) / 1000


def least(kind: WaysOfCore, ps: int) -> float:
    """The same in the way that takes least."""
    return min(taken(way, ps) for way in kind.ways)


def sources_of(machine: Machine) -> tuple[str, ...]:
    some = _ways(machine.board.platform.mwait)
    names = dict.fromkeys(one for _, each, leave in some for one in (each, *leave))
    prices = prices_for(machine.board.platform, 0)
    return tuple(
        f"{name} {prices[name].value:g} ({prices[name].low:g} to {prices[name].high:g}): "
        f"{prices[name].told}"
        for name in names
    )


def wins_words(wins: Sequence[Wins]) -> str:
    """From which length on which wins."""
    first, *others = wins
    return ", ".join(
        (
            first.name,
            *(
                f"from {one.from_ns:,.0f} ns ({one.low_ns:,.0f} to {one.high_ns:,.0f}) on "
                f"{one.name}"
                for one in others
            ),
        )
    )
