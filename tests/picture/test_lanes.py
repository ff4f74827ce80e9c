"""The lanes of the timeline: going through the runs finds what looking at the places does."""

from hypothesis import given
from hypothesis import strategies as st

from emu.machine.log import Lanes
from emu.picture.lanes import CELLS, _executions, _sampled

RUNS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5_000)), min_size=1, max_size=60)


@given(runs=RUNS, first=st.integers(0, 9_000), length=st.integers(1, 90_000))
def test_runs_and_places_give_the_same_cells(
    runs: list[tuple[int, int]], first: int, length: int
) -> None:
    lanes, tick = Lanes(), 0
    for cpu, ticks in runs:
        lanes.begin(cpu, tick, 0)
        tick += ticks
    edges = [first + length * cell // CELLS for cell in range(CELLS + 1)]
    drawn = {cpu: ["."] * CELLS for cpu in range(3)}
    wanted = {cpu: ["."] * CELLS for cpu in range(3)}
    _executions(lanes, drawn, edges)
    _sampled(lanes, wanted, edges)
    assert drawn == wanted
