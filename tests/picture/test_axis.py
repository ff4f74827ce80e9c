"""The axis of the timeline: it never goes back, and folds only where nothing comes to pass."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emu.picture.axis import CELLS, FOLDS_MAX, Quiet, axis

STEPS = st.lists(
    st.tuples(st.integers(0, 60_000), st.integers(0, 2_000_000)), max_size=40
)  # fmt: skip


def told(steps: list[tuple[int, int]]) -> tuple[Quiet, list[tuple[int, int]]]:
    """Moments that many ticks and nanoseconds apart."""
    quiet, tick, ns, moments = Quiet(), 0, 0, []
    for ticks, passed in steps:
        tick, ns = tick + ticks, ns + passed
        quiet.moment(tick, ns)
        moments.append((tick, ns))
    return quiet, moments


@given(steps=STEPS, tail=st.integers(1, 60_000), data=st.data())
def test_cells_never_go_back_and_hold_every_moment_outside_of_folds(
    steps: list[tuple[int, int]], tail: int, data: st.DataObject
) -> None:
    quiet, moments = told(steps)
    end = (moments[-1][0] if moments else 0) + tail
    first = data.draw(st.integers(0, end - 1))
    last = data.draw(st.integers(first + 1, end))
    folds = quiet.folded(first, last, 0)
    edges, cells = axis(first, last, folds)
    assert (edges[0], edges[-1]) == (first, last)
    assert all(one <= other for one, other in pairwise(edges))
    assert len(folds) == len(cells) <= FOLDS_MAX
    assert len(edges) <= CELLS + 2 * FOLDS_MAX + 2
    for tick, _ in moments:
        assert not any(one.first <= tick < one.last for one in folds), "it would be hidden"


def test_the_longest_stretches_are_folded_by_ticks_and_by_time() -> None:
    quiet, _ = told([(100, 50), (50_000, 25_000), (60, 30), (1, 1_850_000), (200, 100)])
    folds = quiet.folded(0, 50_361, 1_875_180)
    assert [(one.first, one.last, one.ns) for one in folds] == [
        (101, 50_100, 25_000), (50_161, 50_161, 1_850_000),
    ]  # fmt: skip
    edges, cells = axis(0, 50_361, folds)
    assert [ns for _, ns in cells] == [25_000, 1_850_000]
    assert [edges[cell + 1] - edges[cell] for cell, _ in cells] == [49_999, 0]
    widest = max(
        edges[cell + 1] - edges[cell] for cell in range(len(edges) - 1)
        if cell not in dict(cells)
    )  # fmt: skip
    assert widest == 2, "361 ticks have 240 cells"


def test_who_looks_into_a_stretch_sees_it() -> None:
    quiet, _ = told([(100, 50), (50_000, 25_000), (60, 30)])
    assert quiet.folded(20_000, 30_000, 0) == []
    assert len(quiet.folded(0, 30_000, 0)) == 1


def test_what_goes_on_since_the_last_moment_is_folded_too_and_stays_so_in_the_past() -> None:
    quiet, _ = told([(100, 50)])
    now = quiet.folded(0, 9_000, 4_500)
    assert [one.ns for one in now] == [4_450]
    assert quiet.folded(0, 9_000, 60) == now
