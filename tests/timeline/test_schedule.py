"""Who runs next: by the clocks, by the seed, or as somebody wants it."""

import pytest

from emu.errors import CommandError
from emu.timeline.chooser import (
    ALONE_PS,
    QUANTUM_PS,
    Bounded,
    Choice,
    Chooser,
    Random,
    Timed,
)
from emu.timeline.driver import Driver
from emu.timeline.schedule import Schedule, chooser_of
from tests.guest import Guest

COUNT = "start: inc rcx\n jmp start\nhandler2: iretq"
SLEEP = "start: pause\n jmp start"


def slices(driver: Driver, count: int) -> list[Choice]:
    """The next slices, each run to its end; what must hold of any of them holds."""
    machine, schedule, found = driver.machine, driver.schedule, []
    for _ in range(count):
        one = schedule.next()
        assert one is not None and schedule.slice == one
        cpu = machine.board.cpus[one.cpu]
        assert cpu.id not in schedule.held and cpu.clock_ps < one.until_ps
        machine.run(cpu, one.until_ps, 1 << 62)
        assert cpu.clock_ps >= one.until_ps
        found.append(one)
    return found


def guest(*entries: str, cpus: int = 4, source: str = COUNT) -> Driver:
    """CPUs of different speeds, and what was entered."""
    driver = Guest(source, cpus, speeds=(1.0, 0.5, 2.0, 0.75)[:cpus]).driver()
    for text in entries:
        driver.enter(text)
    return driver


@pytest.mark.parametrize("quantum_ns", [1, 50, 1_000, 7_000])
def test_by_time_the_one_behind_runs_to_a_quantum_before_the_next(quantum_ns: int) -> None:
    driver = guest(f"schedule timed quantum {quantum_ns}")
    cpus = driver.machine.board.cpus
    for _ in range(60):
        clocks = sorted((cpu.clock_ps, cpu.id) for cpu in cpus)
        (one,) = slices(driver, 1)
        assert one.cpu == clocks[0][1]
        assert one.until_ps == min(clocks[1][0] + 1_000 * quantum_ns, clocks[0][0] + ALONE_PS)
        ahead = max(cpu.clock_ps for cpu in cpus) - min(cpu.clock_ps for cpu in cpus)
        assert ahead <= 2_000 * quantum_ns + 2_000


def test_alone_a_cpu_has_the_longest_slices() -> None:
    driver = guest(cpus=1)
    for _ in range(3):
        begin = driver.machine.board.cpus[0].clock_ps
        (one,) = slices(driver, 1)
        assert one.until_ps == begin + ALONE_PS


def test_random_is_the_seed_s_and_nobody_is_left_behind() -> None:
    runs = {
        seed: [slices(guest(f"schedule random {seed}"), 80) for _ in range(2)]
        for seed in range(4)
    }
    for first, second in runs.values():
        assert first == second
        assert {one.cpu for one in first} == {0, 1, 2, 3}
    assert len({tuple(first) for first, _ in runs.values()}) == 4
    driver = guest("schedule random 9 quantum 100")
    for _ in range(100):
        cpus = driver.machine.board.cpus
        least = min(cpu.clock_ps for cpu in cpus)
        before = {cpu.id: cpu.clock_ps for cpu in cpus}
        (one,) = slices(driver, 1)
        assert before[one.cpu] <= least + 4 * 100_000
        assert one.until_ps - before[one.cpu] <= 100_000 + 1


@pytest.mark.parametrize("chooser", ["timed", "random 3"])
def test_who_is_held_does_not_run_until_it_is_released(chooser: str) -> None:
    driver = guest(f"schedule {chooser}", "hold 1", "hold 2")
    assert {one.cpu for one in slices(driver, 40)} == {0, 3}
    driver.enter("release 1")
    assert {one.cpu for one in slices(driver, 60)} == {0, 1, 3}
    driver.enter("hold 0")
    driver.enter("hold 1")
    driver.enter("hold 3")
    assert driver.schedule.next() is None


def test_first_has_the_next_slice_whatever_its_clock_and_no_more() -> None:
    driver = guest()
    ahead = max(driver.machine.board.cpus, key=lambda cpu: cpu.clock_ps)
    slices(driver, 9)
    ahead = max(driver.machine.board.cpus, key=lambda cpu: cpu.clock_ps)
    driver.enter(f"first {ahead.id}")
    found = slices(driver, 2)
    assert found[0].cpu == ahead.id != found[1].cpu
    assert driver.schedule.first is None


def test_an_alarm_rings_before_anybody_runs_beyond_it() -> None:
    driver = guest("inject nmi 3 at time 30us", "inject nmi 2 at time 10us")
    injected, cpus = driver.machine.injected, driver.machine.board.cpus
    for count, moment in ((1, 10_000_000), (2, 30_000_000)):
        while len(injected.fired) < count:
            one = driver.schedule.next()
            assert one is not None
            if len(injected.fired) < count:
                assert one.until_ps <= moment + QUANTUM_PS
            driver.machine.run(cpus[one.cpu], one.until_ps, 1 << 62)
        assert min(cpu.clock_ps for cpu in cpus) >= moment
    assert [fired.spec.split()[1] for fired in injected.fired] == ["2", "3"]


def test_an_alarm_rings_though_nobody_can_run() -> None:
    driver = guest("inject nmi 1 at time 30us", cpus=2, source="start: hlt\nhandler2: hlt")
    assert driver.drive(driver.now._replace(tick=1 << 40)).name == "HUNG"
    assert len(driver.machine.injected.fired) == 1
    assert driver.machine.board.cpus[1].ticks == 2  # it took the NMI


def test_waiting_cpus_do_not_run_and_when_all_wait_nobody_does() -> None:
    driver = guest(source=SLEEP)
    driver.drive(driver.now._replace(tick=1 << 40))
    assert driver.schedule.next() is None and driver.machine.board.tick < 1_000


@pytest.mark.parametrize(
    "chooser",
    [Timed(), Timed(5_000), Random(QUANTUM_PS, 7), Random(9_000), Random(),
     Bounded(switches=((3, 1), (9, 0))), Bounded(2_000, ((1, 2),))],
)  # fmt: skip
def test_a_chooser_is_read_as_it_is_written(chooser: Chooser) -> None:
    assert chooser_of(chooser.text.split()) == chooser


@pytest.mark.parametrize(
    "words",
    ["", "fair", "timed 3", "random x", "timed quantum", "timed quantum 0", "random 1 2",
     "timed quantum 1000001", "random quantum -1", "switches", "switches 3", "switches a:1"],
)  # fmt: skip
def test_another_one_is_refused_in_a_sentence(words: str) -> None:
    with pytest.raises(CommandError, match=r"^schedule: "):
        chooser_of(words.split())


def test_what_is_saved_chooses_as_it_would_have_chosen() -> None:
    driver = guest("schedule random 5", "hold 3")
    slices(driver, 7)
    saved, other = driver.schedule.save(), guest("schedule timed")
    slices(other, 7)
    other.schedule.load(saved)
    assert other.schedule.save() == saved
    assert isinstance(other.schedule, Schedule) and other.schedule.held == {3}
