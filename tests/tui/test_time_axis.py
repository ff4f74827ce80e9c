"""Columns of the timeline and ticks, there and back, whatever is folded and in any width."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emu.picture.axis import axis as cells_of
from emu.picture.view import TimelineView
from tests.picture.test_axis import STEPS, told
from tui.panels.time_axis import axis
from tui.panels.time_axis import told as words


def view(steps: list[tuple[int, int]], tail: int) -> tuple[TimelineView, list[int]]:
    """The timeline of such moments, and their ticks."""
    quiet, moments = told(steps)
    end = (moments[-1][0] if moments else 0) + tail
    edges, folds = cells_of(0, end, quiet.folded(0, end, 0))
    found = TimelineView(0, end, end, end, "main", 1, (), (), tuple(edges), folds)
    return found, [tick for tick, _ in moments]


@given(steps=STEPS, tail=st.integers(1, 60_000), count=st.integers(1, 220))
def test_columns_never_go_back_and_every_moment_has_one(
    steps: list[tuple[int, int]], tail: int, count: int
) -> None:
    time, moments = view(steps, tail)
    drawn = axis(time, count)
    assert len(drawn.columns) == len(drawn.ticks) == count
    assert all(one <= other for one, other in pairwise(drawn.ticks))
    before = 0
    for tick in sorted({0, time.end, *moments}):
        column = drawn.column_of(tick)
        assert column is not None and column >= before
        before = column
        assert drawn.starts[column] <= tick
        assert drawn.ticks[column] <= tick or column + 1 == count, "a click goes there"
        assert column + 1 == count or tick < drawn.starts[column + 1]
    assert drawn.column_of(time.end + 1) is None


@given(steps=STEPS, tail=st.integers(1, 60_000), count=st.integers(30, 220))
def test_a_moment_stands_in_a_column_that_shows_its_cell_and_is_no_fold(
    steps: list[tuple[int, int]], tail: int, count: int
) -> None:
    time, _ = view(steps, tail)
    drawn = axis(time, count)
    cells = [cell for column in drawn.columns for cell in column.cells]
    assert sorted(set(cells)) == list(range(len(time.edges) - 1)), "no cell is left out"
    folded = {cell for cell, _ in time.folds}
    for column in drawn.columns:
        assert (column.fold is not None) == bool(folded & set(column.cells))


@given(
    steps=STEPS, tail=st.integers(1, 60_000), count=st.integers(1, 220),
    step=st.sampled_from([-1, 1]),
)  # fmt: skip
def test_scrubbing_always_goes_somewhere_and_ends_at_an_end(
    steps: list[tuple[int, int]], tail: int, count: int, step: int
) -> None:
    time, _ = view(steps, tail)
    drawn = axis(time, count)
    tick, times = (0 if step > 0 else time.end), 0
    while 0 <= tick <= time.end and times <= count + 1:
        after = drawn.scrubbed(tick, step)
        assert (after - tick) * step > 0
        tick, times = after, times + 1
    assert times <= count + 1, "no more steps than columns"


def test_a_length_has_two_digits() -> None:
    assert [words(ns) for ns in (7, 999, 1_000, 7_240, 52_386, 1_849_394, 2_100_000_000)] == [
        "7 ns", "999 ns", "1.0 us", "7.2 us", "52 us", "1.8 ms", "2.1 s"
    ]  # fmt: skip
