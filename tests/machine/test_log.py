"""A log grows, goes back and is retraced; whatever is sealed is read as it was written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from emu.machine.log import CHUNK, NOBODY, Lanes, Log, Run

NUMBERS = st.sampled_from((1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK))
STEPS = st.lists(
    st.tuples(st.sampled_from(("grow", "grow", "back", "copy")), NUMBERS),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(STEPS)
def test_a_log_is_the_list_that_was_written_to_it(steps: list[tuple[str, int]]) -> None:
    """Forward again the machine writes the same entries once more; so does this."""
    log: Log[int] = Log()
    known: list[int] = []
    for kind, number in steps:
        if kind == "grow":
            for index in range(log.now, log.now + number):
                log.append(7 * index)
            known += [7 * index for index in range(len(known), log.now)]
        elif kind == "back":
            log.now = number % (log.now + 1)
        else:
            log, known = log.copy(), known[: log.now]
        assert (len(log), log.known_count) == (log.now, len(known))
        assert list(log.known) == known and list(log) == known[: log.now]
        assert log[-5:] == known[: log.now][-5:]
        assert log.known[log.now :] == known[log.now :]


def test_copies_do_not_see_what_the_other_writes() -> None:
    log: Log[int] = Log()
    for index in range(3 * CHUNK + 5):
        log.append(index)
    log.now = 2 * CHUNK + 1
    copy = log.copy()
    copy.append(-1)
    log.append(log.now)
    assert copy[-1] == -1 and log[-1] == 2 * CHUNK + 1
    assert log.known[-1] == 3 * CHUNK + 4 and copy.known_count == 2 * CHUNK + 2


RUNS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=30)


@given(RUNS, st.integers(0, 60), st.integers(1, 60))
def test_lanes_know_who_executed_every_tick(
    runs: list[tuple[int, int]], first: int, last: int
) -> None:
    """By the definition: a list of one CPU for every tick."""
    lanes, by_tick = Lanes(), [NOBODY]
    for cpu, ticks in runs:
        lanes.begin(cpu, len(by_tick) - 1, 100 * len(by_tick))
        by_tick += [cpu] * ticks
    assert lanes.cpu == runs[-1][0]
    end = len(by_tick) - 1
    for tick in range(1, end + 1):
        assert lanes.cpu_at(tick) == by_tick[tick]
    assert lanes.cpu_at(0) is None
    assert lanes.cpus_at(range(1, end + 1)) == by_tick[1:]
    last = min(last, end)
    first = min(first, last - 1)
    covered = [tick for run in lanes.runs(first, last) for tick in _ticks(run)]
    assert covered == list(range(first + 1, last + 1))
    assert lanes.runs_count(first, last) == len(list(lanes.runs(first, last)))
    for run in lanes.runs(first, last):
        assert {by_tick[tick] for tick in _ticks(run)} == {run.cpu}
    for cpu in range(4):
        back = [tick for run in lanes.backwards(cpu, last) for tick in _ticks(run)[::-1]]
        assert back == [tick for tick in range(last, 0, -1) if by_tick[tick] == cpu]


def _ticks(run: Run) -> list[int]:
    return list(range(run.first + 1, run.last + 1))


@given(RUNS, st.data())
def test_lanes_go_back_and_are_retraced(
    runs: list[tuple[int, int]], data: st.DataObject
) -> None:
    lanes, ticks = Lanes(), 0
    begun = []
    for cpu, count in runs:
        begun.append((cpu, ticks, 10 * ticks))
        ticks += count
    for one in begun:
        lanes.begin(*one)
    whole = list(lanes.runs(0, ticks))
    count = data.draw(st.integers(0, len(begun)))
    lanes.back_to(count)
    assert lanes.cpu == (begun[count - 1][0] if count else NOBODY)
    assert list(lanes.runs(0, ticks)) == whole  # the future is known
    copy = lanes.copy()
    assert (copy.count, copy.cpu) == (count, lanes.cpu)
    for one in begun[count:]:
        lanes.begin(*one)
        copy.begin(*one)
    assert list(lanes.runs(0, ticks)) == whole == list(copy.runs(0, ticks))
