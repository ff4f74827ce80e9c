"""Every price of a platform with its range and its source, as a section."""

from msgspec import Struct

from emu.profile.basis import Basis
from emu.profile.prices import prices_of


class PriceRow(Struct, frozen=True):
    """A price in words: what it is, its value, its range, and its source."""

    name: str
    what: str
    value: float
    """In ns, but for `instructions_per_ns` and powers."""
    low: float
    high: float
    source: str
    """`no public figure` where nobody has published one."""


class PriceTable(Struct, frozen=True):
    """All prices of a platform."""

    rows: tuple[PriceRow, ...]

    def lines(self) -> tuple[str, ...]:
        """One line each."""
        return tuple(
            f"{one.name} {one.value:,g} ({one.low:,g} to {one.high:,g}): {one.what}; "
            f"{one.source}"
            for one in self.rows
        )


def price_table(basis: Basis) -> PriceTable:
    """All of the platform's, in one order for every one."""
    platform = basis.machine.board.platform
    return PriceTable(
        tuple(
            PriceRow(one.name, one.what, one.value, one.low, one.high, one.told)
            for one in prices_of(platform).values()
        )
    )
