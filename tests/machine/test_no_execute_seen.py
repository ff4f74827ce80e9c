"""Waiting, stopping and looking where no-execute pages are read and written."""

import pytest

from emu.hw.nested_walk import NO_EXECUTE
from emu.machine.pause import Pause
from emu.machine.probe import CodeProbe, MemoryProbe
from emu.timeline.driver import Driver
from tests.guest import FOREVER, go_on
from tests.machine.bare import CODE, DATA, TABLES, Bare, gpa, gva

WAIT = b"\x48\x8b\x03\xf3\x90\x48\x85\xc0\x74\xf6\xf4"
"""mov rax, [rbx]; pause; test rax, rax; je to the beginning; hlt."""
COPY = b"\x48\xff\x03\x48\xa5\x48\x8b\x03\xf4"
"""inc [rbx]; movsq; mov rax, [rbx]; hlt."""
FIRST, SECOND, _ = DATA


def bare(*pages: int, code: bytes) -> Bare:
    """A guest with its data on the first data page, and these pages no-execute."""
    found = Bare()
    for page in pages:
        found.nested(page, "rw")
    found.code(code)
    for name, place in (("rbx", gva(FIRST)), ("rsi", gva(FIRST, 8)), ("rdi", gva(SECOND))):
        found.cpu.registers.put(name, place)
    return found


@pytest.mark.parametrize("pages", [(FIRST,), TABLES, (*TABLES, FIRST)])
def test_a_cpu_that_waits_for_a_no_execute_page_sleeps(pages: tuple[int, ...]) -> None:
    guest, plain = bare(*pages, code=WAIT), bare(code=WAIT)
    for one in (guest, plain):
        assert Driver(one.machine).drive(FOREVER) is Pause.HUNG
    assert guest.cpu.activity == "waiting"
    assert guest.machine.board.tick == plain.machine.board.tick


def test_a_store_of_the_host_wakes_it() -> None:
    guest = bare(*TABLES, FIRST, code=WAIT)
    driver = Driver(guest.machine)
    driver.drive(FOREVER)
    driver.enter(f"set gpa:{gpa(FIRST):#x}/8=1")
    driver.drive(FOREVER)
    assert guest.cpu.activity == "halted"
    assert guest.cpu.registers.rip == gva(CODE[0], len(WAIT))


@pytest.mark.parametrize("pages", [(FIRST,), TABLES, (*TABLES, FIRST)])
def test_a_breakpoint_stops_before_the_access_and_once(pages: tuple[int, ...]) -> None:
    guest = bare(*pages, code=b"\x90" + COPY)
    driver = Driver(guest.machine)
    guest.machine.board.addresses.stop(gva(CODE[0], 1), None)
    assert go_on(driver) is Pause.BREAKPOINT
    assert (guest.cpu.registers.rip, guest.word(FIRST)) == (gva(CODE[0], 1), 0)
    assert go_on(driver) is Pause.HUNG
    assert (guest.cpu.activity, guest.word(FIRST)) == ("halted", 1)


def looked_at(guest: Bare) -> list[object]:
    """What probes see of the data and of the code, until the CPU halts."""
    data, code = MemoryProbe(guest.hpa(FIRST), 8, reads=True), CodeProbe(frozenset())
    guest.machine.board.undo.cut()
    guest.put(FIRST, 0, bytes(16))  # kept for going back already: no store is absorbed
    guest.machine.board.npt.lift(gpa(FIRST))
    guest.machine.board.look_at(data, code)
    assert guest.run(3) == ""
    executed = list(dict.fromkeys((tick, address) for tick, _, _, address in code.found))
    return [data.found, executed]


@pytest.mark.parametrize("pages", [(FIRST,), (SECOND,), TABLES, (*TABLES, FIRST, SECOND)])
def test_probes_see_the_same_accesses_at_the_same_ticks(pages: tuple[int, ...]) -> None:
    assert looked_at(bare(*pages, code=COPY)) == looked_at(bare(code=COPY))


def test_nothing_stays_lent() -> None:
    guest = bare(*TABLES, FIRST, code=COPY)
    guest.run(3)
    npt = guest.machine.board.npt
    for page in (*TABLES, FIRST):
        assert npt.leaf(gpa(page)) & NO_EXECUTE
        assert npt.hidden(gpa(page))
