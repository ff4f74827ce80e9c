"""The Profile room: no two figures run into each other, and no sentence loses its middle."""

import pytest
from msgspec.structs import replace

from emu.picture.sections import ProfileView
from emu.profile.told import Quantiles
from emu.profile.waterfall_view import StepSpread
from tests.tui import builder
from tests.tui.profiled import profile
from tui.panels import BY_ID
from tui.panels.base import Page, Window
from tui.text import plain

EXITS = "    exits: " + ", ".join(
    f"{n} tdcall TDG.VP.VMCALL number {n} 1.5 %" for n in range(40)
)
TABLE = "us" + "".join(f"{name:>12}" for name in ("p50", "p90", "p99", "max", "of", "cpu", "n"))


def shown(found: ProfileView, width: int, height: int = 60) -> list[str]:
    view = builder.stopped()
    view = replace(view, sections=replace(view.sections, profile=found))
    page: Page = BY_ID["profile"].render(view, Window(width, height))
    return [plain(one) for one in page.lines]


@pytest.mark.parametrize(
    ("ns", "told"),
    [
        (189_437, "189.437"), (999_999_999, "999,999.999"), (1_000_215_207, "1,000,215"),
        (3_600_000_000_000_000, "3.600e+12"),
    ],
)  # fmt: skip
def test_the_quantiles_of_a_long_boot_stand_apart(ns: int, told: str) -> None:
    found = profile()
    assert found.waterfall is not None
    slow = StepSpread("command", Quantiles(1, ns, ns, ns, ns, 1))
    fall = replace(found.waterfall, segments=(slow,))
    (row,) = (
        one for one in shown(replace(found, waterfall=fall), 80) if one.startswith("  command")
    )
    assert row.split() == ["command", *[told] * 4, "1"]


def test_who_came_less_far_is_named_below_the_lanes() -> None:
    rows = shown(profile(), 80)
    lanes = [row.lstrip("▸ ")[0] for row in rows if row.lstrip("▸ ")[:1].isdigit()]
    assert lanes == ["1", "2"]
    assert "  no further than parked: cpu 2" in rows


def test_a_sentence_that_is_too_long_goes_on_below_and_loses_nothing() -> None:
    text = replace(profile(), section="cpus", waterfall=None, rows=(EXITS, TABLE, "cpu 1: off"))
    for width in (44, 80, 120):
        rows = shown(text, width)
        at = next(number for number, row in enumerate(rows) if row.strip().startswith("us "))
        assert " ".join(" ".join(rows[:at]).split()) == EXITS.strip()
        assert all(len(row) <= width for row in rows[:at])
        assert len(rows) - at == 2, "a table is not folded"
