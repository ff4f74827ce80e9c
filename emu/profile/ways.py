"""Which way of waiting takes least at which length, the way out included.

No CPU here offers MWAIT, so its depths are only compared with what a run did.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from emu.boot.prices import Price
from emu.machine.machine import Machine
from emu.profile.prices import prices_for

WAYS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("spinning", "power_spin", ()),
    ("pausing", "power_pause", ("pause_ns",)),
    ("MWAIT C1", "power_c1", ("mwait_c1_ns",)),
    ("MWAIT C6", "power_c6", ("mwait_c6_ns",)),
    ("HLT", "power_hlt", ("ipi_ns", "hlt_wake_ns")),
)
"""(what it is called, its power, what leaving it takes). C8 and C10 are of other processors
than the figures for C1 and C6."""


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


def ways(prices: Mapping[str, Price]) -> tuple[Waiting, ...]:
    """The ways to wait. Whoever halts in a guest is woken by an interrupt, which somebody must
    send."""
    return tuple(
        Waiting(
            name, prices[power].value, sum(prices[one].value for one in leave),
            sum(prices[one].low for one in leave), sum(prices[one].high for one in leave),
            "; ".join(prices[one].told for one in (power, *leave)),
        )
        for name, power, leave in WAYS
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
            some = ways(prices_for(machine.board.platform, cpu.id))
            found[name] = WaysOfCore(name, some, envelope(some))
    return found


def least(kind: WaysOfCore, ps: int) -> float:
    """What a wait of that length takes at least, in CPUs that run for 1 us."""
    ns = ps / 1000
    return min(way.power * ns + way.leave_ns for way in kind.ways) / 1000


def sources_of(machine: Machine) -> tuple[str, ...]:
    names = dict.fromkeys(one for _, power, leave in WAYS for one in (power, *leave))
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
