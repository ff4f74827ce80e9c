"""One measured figure beside another, and how rows of them are printed."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from benchmarks.turns import Turns

Unit = Literal[
    "s", "ms", "MB", "KB", "steps/s", "M ips", "ms virtual", "bare steps", "page walks"
]
RATES: Final = ("steps/s", "M ips")
"""Units of which more is better."""


class Target(Struct, frozen=True):
    """A bound that a figure has to keep: not above `most`, or not below `least`."""

    most: float | None = None
    least: float | None = None
    ratio: bool = False
    """Whether the ratio has to keep it, and not the figure."""

    def met(self, value: float) -> bool:
        """Whether a figure keeps the bound."""
        below = self.most is None or value <= self.most
        return below and (self.least is None or value >= self.least)

    def text(self) -> str:
        """The bound as people write it."""
        of = "x " if self.ratio else ""
        parts = [] if self.most is None else [f"<= {of}{amount(self.most)}"]
        parts += [] if self.least is None else [f">= {of}{amount(self.least)}"]
        return " and ".join(parts)


class Row(Struct, frozen=True, omit_defaults=True):
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
    paired: float | None = None
    """The ratio, where it was taken turn by turn."""

    @classmethod
    def of_turns(
        cls, benchmark: str, what: str, turns: Turns, unit: Unit, beside: str, **more: Any
    ) -> "Row":
        """A row of what was measured in turns; `more` as in `Row`."""
        return cls(
            benchmark, what, turns.mine, unit, beside, turns.other, paired=turns.ratio, **more
        )

    @property
    def key(self) -> str:
        """What names a row in the history and beside another commit."""
        return f"{self.benchmark}: {self.what}"

    @property
    def ratio(self) -> float | None:
        """How many times the other figure this one is."""
        if self.paired is not None:
            return self.paired
        return self.value / self.beside_value if self.beside_value else None

    @property
    def cost(self) -> float:
        """What grows as it gets worse, freed of the machine's speed where something stands
        beside it."""
        figure = self.value if self.ratio is None else self.ratio
        if self.unit in RATES:
            return 1 / figure if figure else float("inf")
        return figure

    @property
    def good(self) -> bool:
        """Whether it was measured at all, and keeps its target."""
        judged = self.ratio if self.target.ratio else self.value
        return self.valid and judged is not None and self.target.met(judged)

    @property
    def verdict(self) -> str:
        """The target's fate in a word; empty where there is none."""
        if not self.valid:
            return "not valid"
        return ("" if self.good else "NOT ") + "met" if self.target.text() else ""

    def as_dict(self) -> dict[str, object]:
        """The row for JSON: the same names, and what follows from them worked out."""
        own: dict[str, object] = msgspec.to_builtins(self)
        return own | {
            "ratio": self.ratio, "cost": self.cost, "bound": self.target.text(),
            "good": self.good,
        }  # fmt: skip

    def cells(self) -> tuple[str, ...]:
        """The row for a table: what, figure, the other one, ratio, target, verdict, note."""
        beside = (
            "" if self.beside_value is None else f"{self.beside} {amount(self.beside_value)}"
        )
        return (
            self.what,
            f"{amount(self.value)} {self.unit}",
            beside,
            "" if self.ratio is None else f"x {self.ratio:.3g}",
            self.target.text(),
            self.verdict,
            self.note,
        )


HEADS: Final = ("", "apdbg", "beside it", "ratio", "target", "", "")


def columns(lines: list[tuple[str, ...]]) -> list[str]:
    """Cells one below the other."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            text.ljust(width) for text, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]  # fmt: skip


def table(rows: list[Row]) -> str:
    """Rows of one benchmark in columns under its name."""
    lines = columns([HEADS, *(row.cells() for row in rows)])
    return "\n".join([rows[0].benchmark, *(f"  {line}".rstrip() for line in lines)])


def amount(value: float) -> str:
    """Three digits that count, whole numbers with commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
