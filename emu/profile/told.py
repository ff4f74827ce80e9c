"""What every section of a profile is, and how its figures are written."""

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

SectionLines = tuple[str, ...]
PS_PER_US: Final = 1_000_000


class Tells(Protocol):
    """A section: a frozen Struct whose fields are its JSON form."""

    def lines(self) -> SectionLines:
        """The same for a person."""


class Quantiles(Struct, frozen=True):
    """How many there are of something, how they are spread, and whose is the largest. Of p50,
    p90, p99 each is the least value that so many of a hundred are not above (nearest rank), so
    it is the value of some CPU."""

    count: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    max_ns: int
    max_cpu: int


def quantiles(values: Sequence[tuple[int, int]]) -> Quantiles:
    """Of (nanoseconds, CPU), at least one: by nearest rank, so each is one of the values."""
    ordered = sorted(values)

    def rank(percent: int) -> int:
        return ordered[-(-percent * len(ordered) // 100) - 1][0]

    worst, cpu = max(ordered, key=lambda one: (one[0], -one[1]))
    return Quantiles(len(ordered), rank(50), rank(90), rank(99), worst, cpu)


def us(ps: int) -> str:
    """Picoseconds as microseconds."""
    return f"{ps / PS_PER_US:,.3f} us"


def share(part: int, whole: int) -> str:
    """`12.5 %`."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> SectionLines:
    """Columns as wide as they need to be, the first to the left, numbers to the right."""
    every = [head, *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(head))]
    return tuple(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in every
    )
