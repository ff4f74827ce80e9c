"""A root runs courses that a session would run, makes nothing of them, and is put back."""

import gc
import sys
from typing import Final

import pytest

from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.timeline.chooser import Bounded, Choice, Chooser, Random, Replay, Timed
from emu.timeline.digest import Digest
from emu.timeline.moment import Moment
from emu.timeline.root import Ran, Root, root_at
from emu.timeline.timeline import Timeline
from tests.guest import Guest
from tests.machine.elsewhere import FOREVER, Place, to_a_border
from tests.machine.graph import differing, graph

PLATFORMS: Final = ("tdx", "vbs", "sipi", "none")
RACE: Final = """
    start: mov ecx, 100
    again: mov eax, [{SHARED}]
      inc eax
      mov [{SHARED}], eax
      loop again
    wait: hlt
"""


def told(machine: Machine, digest: Digest | None = None) -> tuple[object, ...]:
    """The state, and all that was told on the way."""
    logs = machine.board.logs
    return (
        (digest or Digest(machine)).now(),
        list(map(str, logs.events)), list(map(str, logs.exits)),
        list(map(str, logs.observed)),
    )  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("words", "chooser"),
    [("timed", Timed()), ("random 5 quantum 200", Random(200_000, 5))],
    ids=lambda one: str(one)[:6],
)
def test_a_course_is_what_the_driver_runs(platform: str, words: str, chooser: Chooser) -> None:
    driver = Place(platform).bare()
    driver.enter(f"schedule {words}")
    driver.drive(FOREVER)
    root = Root(Place(platform).bare().machine)
    ran = root.run(chooser, FOREVER.tick)
    assert ran.pause is Pause.OUTCOME
    assert (ran.end.tick, ran.end.beat) == driver.now[:2]
    assert told(root.machine) == told(driver.machine)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_choices_of_a_course_lead_to_its_end_again(platform: str) -> None:
    root = Root(Place(platform).bare().machine)
    digest = Digest(root.machine)
    first = root.run(Random(100_000, 9), FOREVER.tick)
    ended = digest.now()
    timed = root.run(Timed(), FOREVER.tick)
    assert digest.now() != ended and timed.choices != first.choices
    again = root.run(Replay(choices=first.choices), FOREVER.tick)
    assert digest.now() == ended
    assert (again.choices, again.end) == (first.choices, first.end)


def test_a_replay_that_is_used_up_goes_on_by_the_clock() -> None:
    root = Root(Guest(RACE, 3).setup().machine())
    timed = root.run(Timed(), 100_000)
    random = root.run(Random(5_000, 2), 100_000)
    assert root.run(Replay(), 100_000) == Ran(
        timed.pause, timed.end, timed.choices, root.machine.board.logs.observed
    )
    mixed = root.run(Replay(choices=random.choices[:4]), 100_000)
    assert mixed.choices[:4] == random.choices[:4] != timed.choices[:4]


def test_switches_give_a_slice_to_another_cpu_and_nothing_else() -> None:
    root = Root(Guest(RACE, 3).setup().machine())
    timed = root.run(Timed(20_000), 100_000).choices
    found = root.run(Bounded(20_000, ((1, 2), (2, 2), (3, 9))), 100_000).choices
    assert [one.cpu for one in timed[:4]] == [0, 1, 2, 0]
    assert [one.cpu for one in found[:4]] == [0, 2, 2, 1]


def test_a_switch_to_a_cpu_that_sleeps_changes_nothing() -> None:
    root = Root(
        Guest("cpu0: mov ecx, 900\n more: loop more\n hlt\n cpu1: hlt", 2).setup().machine()
    )
    timed = root.run(Timed(20_000), 100_000)
    found = root.run(Bounded(20_000, ((4, 1),)), 100_000)
    assert (found.choices, found.end) == (timed.choices, timed.end)


@pytest.mark.parametrize(
    "place",
    [
        Place("tdx"),
        Place("none", ("late-stores 1 3us at kernel_start",)),
        Place("sipi", ("skew 2 40us",)),
    ],
    ids=lambda one: one.platform,
)
@pytest.mark.parametrize("part", [1, 3])
def test_back_puts_everything_back(place: Place, part: int) -> None:
    whole = place.driver()
    whole.drive(FOREVER)
    driver = place.driver()
    to_a_border(driver, whole.machine.board.tick * part // 4)
    root = Root(driver.machine, driver.schedule.save())
    before = graph(root.machine)
    digest = Digest(root.machine)
    for seed in range(3):
        root.run(Random(200_000, seed), FOREVER.tick)
        assert len(differing(before, graph(root.machine))) > 20
        root.back()
        assert differing(before, graph(root.machine)) == {}
    root.run(Timed(), FOREVER.tick)
    driver = place.driver()
    driver.drive(FOREVER)
    assert digest.now() == Digest(driver.machine).now()


def test_a_thousand_courses_leave_nothing_behind() -> None:
    root = Root(Guest(RACE.replace("100", "10"), 2).setup().machine())

    def courses(count: int) -> None:
        for seed in range(count):
            root.run(Random(5_000, seed % 50), 100_000)
            root.back()

    courses(150)
    before = graph(root.machine)
    gc.collect()  # circles wait for it, some more and some less of them
    first = sys.getallocatedblocks()
    courses(1_000)
    gc.collect()
    assert sys.getallocatedblocks() - first < 300
    assert differing(before, graph(root.machine)) == {}
    assert all(log.known_count == 0 for log in (
        root.machine.board.logs.events, root.machine.board.logs.exits,
        root.machine.board.logs.observed, root.machine.board.logs.turns,
    ))  # fmt: skip


@pytest.mark.parametrize("tick", [0, 30_000, 74_091, 100_001])
def test_a_timeline_is_where_it_was_and_knows_what_it_knew(tick: int) -> None:
    timeline = Timeline(Place("tdx").bare().machine)
    digest = Digest(timeline.machine)
    timeline.forward(Moment(tick))
    timeline.driver.drive(Moment(tick))
    here, before = timeline.now, told(timeline.machine, digest)
    with root_at(timeline) as root:
        for seed in range(3):
            root.run(Random(seed=seed), FOREVER.tick)
    assert (timeline.now, timeline.end) == (here, here)
    assert told(timeline.machine, digest) == before
    timeline.driver.drive(FOREVER)
    driver = Place("tdx").bare()
    driver.drive(FOREVER)
    assert told(timeline.machine, digest) == told(driver.machine)


def test_in_the_past_the_known_future_stays() -> None:
    timeline = Timeline(Place("vbs", cpus=3).bare().machine)
    digest = Digest(timeline.machine)
    timeline.driver.drive(FOREVER)
    ended = digest.now()
    end, points = timeline.end, list(timeline.branch.points)
    known = list(timeline.machine.board.logs.events.known)
    timeline.goto(Moment(60_001))
    with root_at(timeline) as root:
        for seed in range(2):
            root.run(Random(seed=seed), FOREVER.tick)
    assert (timeline.now.tick, timeline.end) == (60_001, end)
    assert len(timeline.branches) == 1 and timeline.branch.points == points
    assert list(timeline.machine.board.logs.events.known) == known
    timeline.driver.drive(FOREVER)
    assert digest.now() == ended


def test_a_choice_is_a_value() -> None:
    root = Root(Guest(RACE, 2).setup().machine())
    first, *_ = root.run(Timed(), 100_000).choices
    assert first == Choice(0, first.until_ps, 0)
