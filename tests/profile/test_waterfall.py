"""The waterfall: each AP and its steps, the quantiles over all, and what is said where an image
has no role for a step."""

from pathlib import Path

import pytest

from emu import Session, open_session
from emu.debug.profiling import profile_of
from emu.mailbox.observation import Stored
from emu.profile.profile import chosen
from emu.profile.told import quantiles
from emu.profile.waterfall_view import STEPS, Waterfall
from tests.guest import boot
from tests.profile.test_critical import HANDED_ON

ROOT = Path(__file__).parents[2]
MAILBOX = ("parked", "command", "seen", "ack", "vector", "online", "rest")
"""The steps of a wake-up by the mailbox (ACPI 6.6, 5.2.12.19)."""


def booted(platform: str, cpus: int = 4, **more: object) -> Session:
    session = open_session(platform=platform, cpus=cpus, **more)  # type: ignore[arg-type]
    session.do("run")
    return session


def fall(session: Session) -> Waterfall:
    found = profile_of(session.desk, chosen(["waterfall"])).sections["waterfall"]
    assert isinstance(found, Waterfall)
    return found


@pytest.mark.parametrize(
    ("platform", "before"),
    [
        ("tdx", ("asked", "first", "tables")),
        ("vbs", ("asked", "first")),
        ("none", ("asked", "first")),
        ("sipi", ("asked", "first", "modes", "tables")),
    ],
)
def test_every_ap_has_its_steps_in_their_order(platform: str, before: tuple[str, ...]) -> None:
    found = fall(booted(platform))
    for ap in found.aps:
        assert tuple(one.step for one in ap.steps) == (*before, *MAILBOX)
        assert [one.tick for one in ap.steps] == sorted(one.tick for one in ap.steps)
        assert all(ns >= 0 for _, ns, _ in ap.spans)
    assert {*before, *MAILBOX, *found.unseen} == set(STEPS)


@pytest.mark.parametrize(("platform", "price_ns"), [("tdx", 20_000), ("sipi", 10_000)])
def test_an_ap_begins_behind_the_price_of_its_start(platform: str, price_ns: int) -> None:
    (first,) = (one.spread for one in fall(booted(platform)).segments if one.step == "first")
    assert (first.count, first.p50_ns, first.max_ns) == (3, price_ns, price_ns)


def test_one_that_starts_late_is_the_largest_and_no_median() -> None:
    found = fall(booted("tdx", inject=["late-start 2 400us"]))
    (first,) = (one.spread for one in found.segments if one.step == "first")
    assert (first.p50_ns, first.max_ns, first.max_cpu) == (20_000, 420_000, 2)


def test_a_step_is_where_the_machine_is_at_its_moment() -> None:
    session = booted("tdx")
    steps = {one.step: one for one in fall(session).aps[1].steps}
    session.do(f"goto {steps['parked'].tick} cpu 2")
    assert session.cpus()[2].symbol.startswith("mailbox_wait")
    session.do(f"goto {steps['vector'].tick} cpu 2")
    assert session.cpus()[2].symbol.startswith("secondary_start")


def test_quantiles_are_values_by_nearest_rank() -> None:
    some = quantiles([(ns, ns % 7) for ns in range(1, 101)])
    assert (some.p50_ns, some.p90_ns, some.p99_ns, some.max_ns) == (50, 90, 99, 100)
    assert (some.count, some.max_cpu) == (100, 100 % 7)
    assert quantiles([(7, 3)]).p50_ns == 7


def test_somebody_s_loop_has_the_steps_that_are_seen_and_says_which_are_not() -> None:
    loop = str(ROOT / "samples/loops/one-load.elf")
    found = fall(booted("tdx", cpus=3, ap_loop=loop))
    assert found.unseen == ("asked", "modes", "tables")
    assert all(tuple(one.step for one in ap.steps) == ("first", *MAILBOX) for ap in found.aps)
    assert found.lines()[-1].startswith("of no CPU is seen: asked (somebody has it started), ")


def test_who_never_starts_has_no_step_and_the_text_says_what_a_dash_is() -> None:
    found = fall(booted("tdx", inject=["never-starts 2"]))
    assert [one.step for one in found.aps[1].steps][:1] in ([], ["asked"])
    assert "-: not come to, or no role of this image tells of it" in found.lines()


@pytest.mark.parametrize(
    ("inject", "said"),
    [
        ("never-starts 2", "never started: cpu 2"),
        ("stop 2 at reset_vector cpu 2", "no further than asked: cpu 2"),
        ("take-away 2 at mailbox_ack cpu 2", "no further than seen: cpu 2"),
        ("late-start 2 400us", ""),
    ],
)
def test_who_came_less_far_than_another_one_is_named(inject: str, said: str) -> None:
    rows = fall(booted("tdx", inject=[inject])).lines()
    behind = [row for row in rows if row.startswith(("never started", "no further than"))]
    assert behind == ([said] if said else [])


def test_who_wakes_by_a_store_that_is_no_command_has_seen_none() -> None:
    session = boot(HANDED_ON, cpus=3)
    session.do("run")
    assert {one.why for one in session.machine.board.logs.woken} == {"memory"}
    steps = [tuple(one.step for one in ap.steps) for ap in fall(session).aps]
    assert steps == [("first", "rest"), ("first", "rest")]


@pytest.mark.parametrize(
    ("platform", "inject"),
    [
        ("tdx", "slow 1 7 at secondary_online cpu 1"),
        ("sipi", "stop 2 at mailbox_wait cpu 2"),
        ("none", "late-start 2 1ms"),
        ("vbs", "take-away 3 at mailbox_ack cpu 3"),
    ],
)
def test_no_step_takes_less_than_no_time(platform: str, inject: str) -> None:
    found = fall(booted(platform, inject=[inject]))
    for ap in found.aps:
        assert all(ns >= 0 for _, ns, _ in ap.spans)
        assert [one.tick for one in ap.steps] == sorted(one.tick for one in ap.steps)


@pytest.mark.parametrize("dialect", ["openhcl", "edk2", "td-shim"])
def test_nor_does_it_in_loops_of_others(dialect: str) -> None:
    session = open_session(f"dialects/{dialect}", platform="tdx", cpus=3)
    session.do("run")
    assert all(ns >= 0 for ap in fall(session).aps for _, ns, _ in ap.spans)


def test_who_stopped_before_it_was_called_has_done_no_work_behind_that() -> None:
    found = fall(booted("sipi", inject=["stop 2 at mailbox_wait cpu 2"]))
    assert [one.step for one in found.aps[1].steps][-2:] == ["parked", "command"]
    assert "no further than command: cpu 2" in found.lines()


def test_an_ack_is_the_clearing_of_the_command_and_not_the_place_of_it() -> None:
    """ACPI 6.6, 5.2.12.19: the AP acknowledges by setting the command to Noop."""
    session = booted("tdx")
    cleared = {
        one.cpu: one.virtual_ns
        for one in reversed(session.machine.board.logs.observed)
        if isinstance(one, Stored) and (one.before.command, one.after.command) == (1, 0)
    }
    for ap in fall(session).aps:
        assert {one.step: one.ns for one in ap.steps}["ack"] == cleared[ap.cpu]
    never = open_session("gallery/no-ack", platform="tdx", cpus=3)
    never.do("run")
    assert "ack" in fall(never).unseen


def test_before_anybody_is_started_it_says_so() -> None:
    session = open_session(platform="tdx", cpus=3)
    assert fall(session).lines() == ("no AP has been started",)
