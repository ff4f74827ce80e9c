"""A branch finds its newest checkpoint that is not after a moment."""

from hypothesis import given
from hypothesis import strategies as st

from emu.machine import snapshot
from emu.machine.pause import Pause
from emu.timeline.branch import Branch, Mark
from emu.timeline.checkpoint import Checkpoint
from emu.timeline.moment import START, Moment
from tests.guest import Guest

DRIVER = Guest("hlt").driver()
TAKEN = snapshot.take(DRIVER.machine, None)
SMALL = st.integers(0, 3)
MOMENTS = st.builds(Moment, SMALL, SMALL, SMALL)


def branch(moments: list[Moment]) -> Branch:
    """A branch with checkpoints at power-on and at these."""
    points = [
        Checkpoint(at, TAKEN, DRIVER.schedule.save(), None, {})
        for at in sorted({START, *moments})
    ]
    return Branch("main", [], points, DRIVER.machine.board.logs)


@given(st.lists(MOMENTS, max_size=9), MOMENTS)
def test_it_is_the_newest_of_those_at_or_before_it(moments: list[Moment], at: Moment) -> None:
    one = branch(moments)
    index = one.before(at)
    assert one.points[index].moment == max(p.moment for p in one.points if p.moment <= at)


def test_a_new_branch_can_be_run_and_shares_nothing_with_another() -> None:
    one, two = branch([]), branch([])
    one.marks["here"] = Mark(Moment(1))
    assert not two.marks and (two.fork, two.end, two.last) == (START, START, Pause.BUDGET)
