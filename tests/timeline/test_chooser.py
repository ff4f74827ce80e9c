"""Choosers are values: what they choose depends on the offer, and on nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.timeline.chooser import (
    ALONE_PS,
    QUANTUM_PS,
    Bounded,
    Choice,
    Chooser,
    Offer,
    Random,
    Replay,
    Timed,
)

CHOOSERS: list[Chooser] = [
    Timed(), Timed(7_000), Random(), Random(50_000, 3), Bounded(switches=((2, 1), (5, 9)))
]  # fmt: skip
CLOCKS = st.lists(st.integers(0, 10**8), min_size=1, max_size=6)


def offer(clocks: list[int], begun: int = 0, asked: int = 0, asleep: int = -1) -> Offer:
    """CPUs with these clocks, of whom one only looks ahead."""
    times = sorted((clock, cpu) for cpu, clock in enumerate(clocks))
    return Offer(times, begun, asked, lambda cpu: cpu != asleep)


@pytest.mark.parametrize("chooser", CHOOSERS, ids=lambda one: one.text)
@given(clocks=CLOCKS, begun=st.integers(0, 100))
def test_a_choice_is_one_of_those_offered_and_goes_forward(
    chooser: Chooser, clocks: list[int], begun: int
) -> None:
    one = offer(clocks, begun)
    place = chooser.whose(one)
    moment, _ = one.times[place]
    horizon = max(one.times[1 - place if place < 2 and len(clocks) > 1 else 0][0], moment)
    assert chooser.until(one, moment, horizon) > moment
    assert chooser.ahead(one, moment, horizon) > moment
    assert place == chooser.whose(offer(clocks, begun, asked=7))


@given(CLOCKS, st.integers(0, 100))
def test_by_the_clock_the_one_behind_runs_a_quantum_beyond_the_next(
    clocks: list[int], begun: int
) -> None:
    one = offer(clocks, begun)
    assert Timed().whose(one) == 0
    first = one.times[0][0]
    for horizon in (first, first + 5 * QUANTUM_PS, first + 10**9):
        until = Timed().until(one, first, horizon)
        assert until == min(horizon + QUANTUM_PS, first + ALONE_PS)


@given(CLOCKS, st.integers(0, 100), st.integers(1, 10**6))
def test_at_random_nobody_is_left_behind(clocks: list[int], begun: int, quantum: int) -> None:
    one, chooser = offer(clocks, begun), Random(quantum, 4)
    moment = one.times[chooser.whose(one)][0]
    assert moment - one.times[0][0] <= 4 * quantum
    assert 0 < chooser.until(one, moment, moment) - moment <= quantum


def test_another_seed_draws_others() -> None:
    drawn = {
        tuple(Random(seed=seed).whose(offer([0, 0, 0], begun)) for begun in range(40))
        for seed in range(5)
    }
    assert len(drawn) == 5 and all(set(one) == {0, 1, 2} for one in drawn)


def test_a_switch_is_for_its_slice_and_for_a_cpu_that_can_run() -> None:
    chooser = Bounded(switches=((3, 2), (4, 7)))
    clocks = [0, 10, 20]
    assert [chooser.whose(offer(clocks, begun)) for begun in range(6)] == [0, 0, 0, 2, 0, 0]
    assert chooser.whose(offer(clocks, 3, asleep=2)) == 0


def test_a_replay_chooses_as_it_was_chosen_and_then_by_the_clock() -> None:
    chooser = Replay(choices=(Choice(2, 999, 0), Choice(1, 555, 4)))
    clocks = [0, 10, 20]
    for asked, (place, until) in enumerate([(2, 999), (1, 555), (0, 10 + QUANTUM_PS)]):
        one = offer(clocks, asked=asked)
        assert chooser.whose(one) == place
        assert chooser.until(one, 0, 10) == chooser.ahead(one, 0, 10) == until
    with pytest.raises(AssertionError, match="where its choices were made"):
        chooser.whose(offer([0, 10]))
