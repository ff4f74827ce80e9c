"""A store to a page in which another CPU begins is seen, until that CPU has left it."""

from typing import Final

import pytest

from emu.hw.address import Gpa
from emu.machine.start_pages import StartPages
from emu.mailbox.observation import StartPageWritten
from emu.timeline.digest import Digest
from tests.guest import CODE, MAILBOX, Guest, finish, label

PAGE: Final = CODE + 0x1000
STARTS: Final = """
cpu0: {wait}
    mov byte ptr [rip + words], 7
here: mov byte ptr [rip + words + 8], 7
    hlt
away: {away}
.balign 4096
cpu1: {first}
begun: hlt
words: .quad 0, 0
"""
LATER: Final = "mov ecx, 6000\n1: dec ecx\n jnz 1b"
SPIN: Final = "mov ecx, 9000\n2: dec ecx\n jnz 2b"


def told(
    first: str, wait: str = LATER, away: str = "hlt", looking: bool = True
) -> tuple[list[StartPageWritten], StartPages, list[object]]:
    """CPU 1 was started in a page to which CPU 0 stores twice: what is noted, what is watched
    at the end, and what the guest came to."""
    driver = Guest(STARTS.format(wait=wait, first=first, away=away), 2).driver()
    machine = driver.machine
    machine.witness.on = looking
    if looking:
        machine.guards.starts.begins(machine.board.cpus[1])
    digest = Digest(machine)
    board = finish(driver)
    seen = [one for one in board.logs.observed if isinstance(one, StartPageWritten)]
    clocks: list[object] = [(cpu.clock_ps, cpu.ticks) for cpu in board.cpus]
    return seen, machine.guards.starts, [digest.now(), board.tick, board.beat, *clocks]


@pytest.mark.parametrize(("first", "wait"), [("nop", "nop"), (SPIN, LATER), ("nop", LATER)])
def test_a_store_while_the_cpu_is_there_or_on_its_way_is_told_once(
    first: str, wait: str
) -> None:
    seen, starts, _ = told(first, wait)
    (one,) = seen
    assert (one.cpu, one.gpa, one.users) == (0, PAGE, (1,))
    assert Gpa(PAGE) not in starts.pages


def test_a_store_behind_its_back_is_not() -> None:
    seen, starts, _ = told("jmp away")
    assert seen == [] and Gpa(PAGE) not in starts.pages


def test_what_it_stores_there_itself_is_not_and_the_next_one_s_store_is() -> None:
    own = f"mov byte ptr [rip + words], 9\n {SPIN}"
    assert [one.cpu for one in told(own)[0]] == [0]


@pytest.mark.parametrize(
    ("first", "wait"), [("nop", "nop"), (SPIN, LATER), ("jmp away", LATER)]
)
def test_with_and_without_it_the_guest_comes_to_the_same(first: str, wait: str) -> None:
    assert told(first, wait)[2] == told(first, wait, looking=False)[2]


def test_the_mailbox_is_for_others_to_write() -> None:
    machine = Guest("hlt", 2, mailbox=True).machine()
    cpu = machine.board.cpus[1]
    cpu.registers.put("rip", MAILBOX + 0xFF0)
    machine.guards.starts.begins(cpu)
    assert machine.guards.starts.pages == {}


def test_a_cpu_that_was_put_back_to_where_it_waits_begins_nowhere() -> None:
    machine = Guest(STARTS.format(wait="nop", first="nop", away="hlt"), 2).machine()
    board, starts = machine.board, machine.guards.starts
    starts.begins(board.cpus[1])
    assert starts.pages == {Gpa(PAGE): frozenset((1,))}
    board.turn(board.cpus[1], "wait-for-sipi")
    starts.stored(0, Gpa(PAGE), label(board, "here"), (1, 1))
    assert not len(board.logs.observed) and starts.pages == {}


def test_who_waits_at_the_mailbox_has_begun() -> None:
    machine = Guest(STARTS.format(wait="nop", first="nop", away="hlt"), 2).machine()
    board, starts = machine.board, machine.guards.starts
    starts.begins(board.cpus[1])
    board.aps.reached(1, ("parked",), 1, 1)
    starts.stored(0, Gpa(PAGE), label(board, "here"), (1, 1))
    assert not len(board.logs.observed)
