"""Every checkpoint of a branch is passed in order, whichever way people travel."""

from itertools import pairwise

import pytest

from emu import Session, open_session
from emu.timeline.moment import Moment

WORDS = (
    "goto 2518", "set cpu0:rbx=607", "step 10", "goto 831", "step 23", "run 3000", "goto 2349",
    "goto 88900", "goto 4912", "step 17", "goto 61214", "goto 145576", "reverse-step",
    "goto 85638",
)  # fmt: skip
"""The guest gives up at tick 20,064: one checkpoint is there."""


def passed_in_order(session: Session) -> None:
    """The checkpoints of the branch ascend, and each descends from the one before it."""
    points = session.timeline.branch.points
    for before, point in pairwise(points):
        assert before.moment < point.moment, "two checkpoints at one moment"
        assert point.parent is before, f"{point.moment} does not follow {before.moment}"


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_no_moment_has_two_checkpoints_though_it_was_reached_by_more_work(cpus: int) -> None:
    session = open_session(platform="tdx", cpus=cpus)
    for words in WORDS:
        session.do(words)
        passed_in_order(session)
    assert session.machine.board.tick == 20_064


def test_a_beat_that_comes_only_after_an_entry_is_not_run_to_without_it() -> None:
    session = open_session(platform="tdx", cpus=1)
    session.do("run 20000")
    session.do("set cpu0:rbx=80")
    entered = session.timeline.now
    session.do("run 90000")
    session.timeline.goto(Moment(entered.tick - 1, entered.beat + 1))
    found, digest = session.timeline.now, session.digest()
    assert found.entries == 1
    session.do("goto start")
    session.timeline.goto(entered)
    session.timeline.goto(found)
    assert session.digest() == digest


def test_a_beat_that_nobody_knows_yet_is_not_run_to() -> None:
    session = open_session(platform="tdx", cpus=1)
    session.do("run 20000")
    end = session.timeline.end
    session.timeline.goto(Moment(end.tick - 10, end.beat + 1))
    assert session.timeline.now == session.timeline.end == end


def test_a_step_that_meets_a_catch_leaves_nothing_known_beyond_it() -> None:
    session = open_session(platform="tdx", cpus=1)
    session.do("run 28000")
    session.do("catch tdcall")
    session.do("step 400")
    assert session.view().stop[0].kind == "catch"
    assert not session.timeline.in_past
