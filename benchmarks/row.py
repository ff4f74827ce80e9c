"""One measured figure beside another, and how rows of them are printed."""

import time
from collections.abc import Callable
from typing import Literal

from msgspec import Struct, field

Unit = Literal["s", "MB", "steps/s", "M ips", "ms virtual"]


class Target(Struct, frozen=True):
    """A bound that a figure has to keep: below `most`, or not below `least`."""

    most: float | None = None
    least: float | None = None

    def met(self, value: float) -> bool:
        """Whether a figure keeps the bound."""
        below = self.most is None or value < self.most
        return below and (self.least is None or value >= self.least)

    def text(self) -> str:
        """The bound as people write it."""
        parts = [] if self.most is None else [f"< {amount(self.most)}"]
        parts += [] if self.least is None else [f">= {amount(self.least)}"]
        return " and ".join(parts)


class Row(Struct, frozen=True):
    """`value` was measured for `what`, and `beside_value` for `beside` on the same machine."""

    benchmark: str
    what: str
    value: float
    unit: Unit
    beside: str = ""
    beside_value: float | None = None
    target: Target = field(default_factory=Target)
    note: str = ""
    valid: bool = True
    """False where the guest did something else than what was to be measured."""

    @property
    def ratio(self) -> float | None:
        """How many times the other figure this one is."""
        return self.value / self.beside_value if self.beside_value else None

    @property
    def good(self) -> bool:
        """Whether it was measured at all, and keeps its target."""
        return self.valid and self.target.met(self.value)

    def as_dict(self) -> dict[str, object]:
        """The row for JSON: the same names, `ratio` and `good` worked out."""
        return {
            "benchmark": self.benchmark, "what": self.what, "value": self.value,
            "unit": self.unit, "beside": self.beside, "beside_value": self.beside_value,
            "ratio": self.ratio, "target": self.target.text(), "good": self.good,
            "note": self.note,
        }  # fmt: skip

    def cells(self) -> tuple[str, ...]:
        """The row for a table: what, figure, the other one, ratio, target, verdict."""
        beside = (
            "" if self.beside_value is None else f"{self.beside} {amount(self.beside_value)}"
        )
        bound = self.target.text()
        verdict = ("" if self.good else "NOT ") + "met" if bound else ""
        return (
            self.what,
            f"{amount(self.value)} {self.unit}",
            beside,
            "" if self.ratio is None else f"x {self.ratio:.3g}",
            bound,
            verdict if self.valid else "not valid",
            self.note,
        )


HEADS = ("", "apdbg", "beside it", "ratio", "target", "", "")


def table(rows: list[Row]) -> str:
    """Rows of one benchmark in columns under its name."""
    cells = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADS))]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in cells
    )
    return "\n".join([rows[0].benchmark, *(f"  {line}".rstrip() for line in lines)])


def amount(value: float) -> str:
    """Three digits that count, whole numbers with commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """How long a piece of work takes: the best of so many times, as others use the machine."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
