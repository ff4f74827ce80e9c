"""The lanes of the timeline: going through the runs finds what looking at the places does, and
every part of a cell is somebody's."""

from hypothesis import given
from hypothesis import strategies as st

from emu.machine.log import Lanes
from emu.picture.axis import CELLS
from emu.picture.lanes import EIGHTHS, _executions, _sampled

RUNS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5_000)), min_size=1, max_size=60)


def lanes_of(runs: list[tuple[int, int]]) -> Lanes:
    """CPUs that executed so many ticks one after the other."""
    lanes, tick = Lanes(), 0
    for cpu, ticks in runs:
        lanes.begin(cpu, tick, 0)
        tick += ticks
    return lanes


@given(runs=RUNS, first=st.integers(0, 9_000), length=st.integers(1, 90_000))
def test_places_find_nobody_who_did_not_run_and_whoever_ran_alone(
    runs: list[tuple[int, int]], first: int, length: int
) -> None:
    lanes, cpus = lanes_of(runs), range(3)
    edges = [first + length * cell // CELLS for cell in range(CELLS + 1)]
    exact, looked = _executions(lanes, cpus, edges), _sampled(lanes, cpus, edges)
    for cpu in cpus:
        for cell in range(CELLS):
            if edges[cell] == edges[cell + 1]:
                continue
            if exact[cpu][cell] == 0:
                assert looked[cpu][cell] == 0
            if looked[cpu][cell] == 0:
                assert exact[cpu][cell] < EIGHTHS


@given(runs=RUNS, length=st.integers(1, 20_000))
def test_a_cell_is_divided_among_those_who_executed_in_it(
    runs: list[tuple[int, int]], length: int
) -> None:
    lanes = lanes_of(runs)
    edges = [length * cell // CELLS for cell in range(CELLS + 1)]
    found = _executions(lanes, range(4), edges)
    owners = [run.cpu for run in lanes.runs(0, edges[-1]) for _ in range(run.first, run.last)]
    for cell in range(CELLS):
        mine = owners[edges[cell] : edges[cell + 1]]
        for cpu in range(4):
            wanted = -(-mine.count(cpu) * EIGHTHS // max(len(mine), 1))
            assert found[cpu][cell] == wanted
