"""The prices of one platform: what a profile charges, who has published that, and how far it
may be another."""

from typing import Final

from msgspec.structs import replace

from emu.boot.platform import Platform
from emu.boot.prices import PRICES, TIMED, Price, changed
from emu.boot.topology import Distance

LINES: Final[dict[Distance, str]] = {
    "smt": "line_smt_ns", "cluster": "line_cluster_ns", "socket": "line_socket_ns",
    "across": "line_across_ns",
}  # fmt: skip
"""How far two CPUs are apart -> the price of a cache line between them."""


def prices_of(platform: Platform) -> dict[str, Price]:
    """By name, with what the platform's file says of them."""
    given = {name: dict(slots) for name, slots in platform.prices}
    found = {}
    for usual in PRICES:
        own = dict(given.get(usual.name, {}))
        if usual.name in TIMED:
            own[usual.unit] = getattr(platform.costs, usual.name)
        found[usual.name] = changed(usual, own)
    return found


def prices_for(platform: Platform, cpu: int) -> dict[str, Price]:
    """The same for one CPU, whose core's type may have others."""
    found = prices_of(platform)
    kind = platform.topology and platform.topology.type_of(cpu)
    for name, ns in kind.prices if kind else ():
        source = f"core type {kind.name} of the platform" if kind else ""
        found[name] = replace(found[name], value=ns, low=ns, high=ns, source=source)
    return found


def distance(platform: Platform, one: int, other: int) -> Distance:
    """How far two CPUs are apart; all alike where no topology is given."""
    lie = platform.topology
    return "socket" if lie is None else lie.distance(one, other)
