"""Moments compare in time order, and a moment is reached only in all three of its numbers."""

from hypothesis import given
from hypothesis import strategies as st

from emu.timeline.moment import START, Entry, Moment
from tests.guest import Guest

SMALL = st.integers(0, 3)
MOMENTS = st.builds(Moment, SMALL, SMALL, SMALL)


@given(MOMENTS, MOMENTS)
def test_a_moment_is_reached_in_all_three_or_not_at_all(goal: Moment, state: Moment) -> None:
    assert goal.reached_at(state) == all(a <= b for a, b in zip(goal, state, strict=True))
    assert START.reached_at(state) and state.reached_at(state)
    if goal.reached_at(state):
        assert goal <= state


@given(st.lists(st.tuples(SMALL, SMALL, SMALL), max_size=8), MOMENTS)
def test_along_a_branch_the_first_state_that_reaches_a_moment_is_the_least(
    steps: list[tuple[int, int, int]], goal: Moment
) -> None:
    """All three only grow, so states are in order, and once reached it stays reached."""
    states = [START]
    for step in steps:
        states.append(Moment(*(a + b for a, b in zip(states[-1], step, strict=True))))
    assert states == sorted(states)
    reached = [goal.reached_at(state) for state in states]
    assert reached == sorted(reached)


def test_every_state_of_a_run_has_its_own_name() -> None:
    code = "mov eax, 1\n cpuid\n int 0x40\n pause\n mov eax, [{SHARED}]\n hlt"
    driver = Guest(f"start: {code}\nhandler64: iretq", 2).driver()
    seen = [driver.now]
    while driver.machine.board.cpus[1].activity != "halted":
        tick, beat, done = driver.now
        driver.drive(Moment(tick, beat + 1, done))
        seen.append(driver.now)
        assert seen[-1] > seen[-2] and Moment(tick, beat + 1).reached_at(seen[-1])
        assert seen[-1].beat == beat + 1
    driver.enter("hand 0")
    assert driver.now == seen[-1]._replace(entries=1)
    assert driver.entries == [Entry(driver.now.tick, driver.now.beat, "hand 0")]
