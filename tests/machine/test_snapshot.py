"""A snapshot is the whole machine: put back it is the same to every attribute, and pickled it
goes on in another process as it would have here."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from emu.machine import invariants, snapshot
from tests.guest import FOREVER
from tests.machine.elsewhere import Place, ended, goes_on, packed, to_a_border
from tests.machine.graph import differing, graph

PLACES = {
    "tdx": Place("tdx"),
    "none": Place("none"),
    "late-ipi": Place("sipi", ("late-ipi sipi 2 5ms", "late-ipi init 3 1ms")),
    "armed": Place("vbs", ("vector32 2", "nmi 1 at secondary_online cpu 1")),
    "late-stores": Place("none", ("late-stores 0 300us", "late-stores 1 3us at kernel_start")),
    "twists": Place(
        "tdx", ("late . 5us 3", "skew 2 40us", "flip-register 3 r13 40 at time 200us")
    ),
    "stale": Place("sipi", ("stale 2 mailbox_wait absent at mailbox_wait cpu 2",)),
    "npt": Place("none", ("npt secondary_start read-only at kernel_start", "drift 1 200_000")),
    "started-twice": Place("tdx", ("vp-index 2 3",)),
    "gone": Place("tdx", ("take-away 2", "host-write 0x9000000 7 at kernel_start")),
}


def run_of(place: Place) -> int:
    """The tick at which its run ends."""
    driver = place.driver()
    driver.drive(FOREVER)
    return driver.machine.board.tick


@pytest.fixture(scope="module")
def another() -> Iterator[ProcessPoolExecutor]:
    """A process that has seen nothing of this one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("name", PLACES)
def test_a_pickled_snapshot_goes_on_in_another_process_as_here(
    name: str, another: ProcessPoolExecutor
) -> None:
    place = PLACES[name]
    whole = run_of(place)
    for part in (1, 3):
        driver = place.driver()
        to_a_border(driver, whole * part // 4)
        logs = driver.machine.board.logs
        counts = len(logs.events), len(logs.exits), len(logs.observed)
        there = another.submit(goes_on, place, packed(driver))
        assert there.result() == ended(driver, counts)


@pytest.mark.parametrize("name", ["tdx", "none", "late-ipi", "armed", "started-twice"])
def test_pages_are_mapped_as_their_states_say_at_every_border(name: str) -> None:
    driver = PLACES[name].driver()
    machine = driver.machine
    while not driver.final:
        to_a_border(driver, machine.board.tick + 5_000)
        invariants.at_border(machine.board, machine.waits, machine.tracked)
        assert invariants.page_states(machine.board) == []


@pytest.mark.parametrize("name", PLACES)
def test_everything_that_changes_under_a_machine_is_put_back(name: str) -> None:
    place = PLACES[name]
    whole = run_of(place)
    for part in range(1, 4):
        driver = place.driver()
        machine = driver.machine
        to_a_border(driver, whole * part // 4)
        machine.board.undo.cut()
        taken = snapshot.take(machine, None)
        schedule = driver.schedule.save()
        machine.board.engine.flush_tlb()
        before = graph(machine)
        driver.drive(FOREVER)
        later = graph(machine)
        assert len(differing(before, later)) > 20, "nothing has happened meanwhile"
        snapshot.put_back(machine, taken, set(machine.board.undo.revert()))
        driver.schedule.load(schedule)
        assert differing(before, graph(machine)) == {}
