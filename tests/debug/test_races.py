"""Unordered accesses are found, and what real code does on purpose is not."""

from pathlib import Path
from typing import Final

import pytest

from emu import Session, open_session
from emu.judge import races
from tests.shard import breadth

ROOT: Final = Path(__file__).parents[2]
PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
SEEDS: Final = range(6)


def booted(platform: str, image: str | None = None, seed: int | None = None) -> Session:
    """A boot of three CPUs, by a random schedule if there is a seed."""
    session = open_session(image, platform=platform, cpus=3)
    if seed is not None:
        session.do(f"schedule random {seed}")
    session.do("run")
    return session


@pytest.mark.parametrize("seed", breadth(SEEDS, keep=1))
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_healthy_boot_has_no_race_by_any_schedule(platform: str, seed: int) -> None:
    session = booted(platform, seed=seed)
    assert races.findings(session.machine, session.timeline) == ()


def test_two_aps_on_one_stack_race_for_it() -> None:
    session = booted("vbs", str(ROOT / "samples/gallery/stack-shared.elf"))
    found = races.findings(session.machine, session.timeline)
    assert found
    assert {(one.rule, one.severity) for one in found} == {("data-race", "warning")}
    assert any("ap_entry64" in one.where for one in found), [one.where for one in found]


def test_looking_for_races_leaves_the_machine_where_it_was() -> None:
    session = booted("tdx")
    session.do("goto 60%")
    before = session.digest(), session.timeline.now
    assert session.do("races").reply == ("no CPUs touch the same bytes in no order",)
    assert (session.digest(), session.timeline.now) == before


def test_races_are_told_by_page_and_pair_of_cpus_and_all_can_be_seen() -> None:
    gallery = ROOT / "samples/gallery"
    session = open_session(
        str(gallery / "one-stack.elf"), platform="vbs", cpus=4,
        kernel=str(gallery / "one-stack.kernel.elf"),
    )  # fmt: skip
    session.do("run")
    found = races.races(session.machine, session.timeline)
    pairs = {(one.gpa & -4096, *sorted((one.cpu or 0, one.other))) for one in found}
    heads = [row for row in session.do("races").reply if row.startswith("warning data-race")]
    assert len(heads) == len(pairs) < len(found)
    page, first, second = max(
        pairs, key=lambda pair: sum(one.gpa & -4096 == pair[0] for one in found)
    )
    mine = [one for one in found if one.gpa & -4096 == page]
    assert f"page {page:#x}, cpus {first} and {second}: {len(mine)} pairs of places" in heads[0]
    more = next(row for row in session.do("races").reply if " more: " in row)
    assert more.strip() == f"and {len(mine) - 3} more: `races {page:#x}`, or `races all`"
    for words, some in (("races all", found), (f"races {page:#x}", mine)):
        rows = [row for row in session.do(words).reply if row.startswith("warning")]
        assert len(rows) == len(some)
