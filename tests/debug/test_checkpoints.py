"""Every checkpoint of a branch is passed in order, whichever way people travel."""

import pytest

from emu import Session, open_session

WORDS = (
    "goto 2518", "set cpu0:rbx=607", "step 10", "goto 831", "step 23", "run 3000", "goto 2349",
    "goto 88900", "goto 4912", "step 17", "goto 61214", "goto 145576", "reverse-step",
    "goto 85638",
)  # fmt: skip
"""The guest hangs at tick 17,526: one checkpoint is there."""


def passed_in_order(session: Session) -> None:
    """The checkpoints of the branch ascend, and each descends from the one before it."""
    points = session.timeline.branch.points
    for before, point in zip(points, points[1:], strict=False):
        assert before.moment < point.moment, "two checkpoints at one moment"
        assert point.parent is before, f"{point.moment} does not follow {before.moment}"


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_no_moment_has_two_checkpoints_though_it_was_reached_by_more_work(cpus: int) -> None:
    session = open_session(platform="tdx", cpus=cpus)
    for words in WORDS:
        session.do(words)
        passed_in_order(session)
    assert session.machine.tick == 17_526
