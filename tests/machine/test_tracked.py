"""Pages whose every write is seen, without anything that runs."""

from emu.hw.address import PAGE_BYTES, Gpa
from tests.guest import DATA
from tests.machine.elsewhere import Place

PAGE = Gpa(DATA)
NEXT = Gpa(DATA + PAGE_BYTES)


def test_a_page_that_is_only_guarded_is_lent_until_it_is_closed() -> None:
    machine = Place("none", guest="hlt", cpus=1).bare().machine
    tracked, npt = machine.tracked, machine.board.npt
    tracked.add(PAGE, "guard")
    tracked.add(NEXT, "wait")
    assert tracked.lend(PAGE)
    assert not tracked.lend(NEXT)
    npt.lift(PAGE)
    assert npt.writable(PAGE)
    tracked.close()
    assert not npt.writable(PAGE)


def test_a_page_that_is_lent_and_waited_for_is_closed_at_once() -> None:
    machine = Place("none", guest="hlt", cpus=1).bare().machine
    tracked, npt = machine.tracked, machine.board.npt
    tracked.add(PAGE, "guard")
    npt.lift(PAGE)
    assert tracked.lend(PAGE)
    assert tracked.open_to_the_guest() == []
    tracked.add(PAGE, "wait")
    assert tracked.open_to_the_guest() == []
    assert not npt.writable(PAGE)
    tracked.remove(PAGE, "wait")
    tracked.remove(PAGE, "guard")
    assert npt.writable(PAGE)
