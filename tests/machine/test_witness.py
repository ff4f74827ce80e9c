"""What is noted for the rules is there when it can be seen, and the guest cannot tell."""

from collections import Counter
from typing import Final

import pytest

from emu.hw.address import Gpa
from emu.machine import apply
from emu.machine.witness import Witness
from emu.mailbox.layout import Head
from emu.mailbox.observation import (
    Arrived,
    Called,
    Handed,
    Listens,
    Opened,
    Refused,
    Started,
    Stored,
    Switched,
    Waited,
)
from emu.timeline.digest import Digest
from emu.timeline.driver import Driver
from emu.vmm.effects import SetPageState
from tests.guest import DATA, FOREVER, MAILBOX, Guest, finish, label
from tests.machine.elsewhere import Place

HAND_OFF = """
cpu0: mov ebx, {MAILBOX}
    mov ecx, 3000
1:  dec ecx
    jnz 1b
    lea rax, [rip + goal]
    mov [rbx + 8], rax
    mov dword ptr [rbx + 4], 1
    mov word ptr [rbx], 1
    hlt
cpu1: mov ebx, {MAILBOX}
wait: pause
    cmp word ptr [rbx], 1
    jne wait
    mov rax, [rbx + 8]
ack: mov word ptr [rbx], 0
    jmp rax
goal: nop
    hlt
"""


def guest(source: str, platform: str = "none", cpus: int = 2) -> Driver:
    """A guest with a mailbox."""
    driver = Guest(source, cpus, platform, mailbox=True).driver()
    assert isinstance(driver.machine.witness, Witness)
    return driver


def test_a_hand_off_is_seen_step_by_step() -> None:
    driver = guest(HAND_OFF)
    board = finish(driver)
    goal = label(board, "goal")
    listens, wait, *stores, arrived = list(board.logs.observed)
    assert isinstance(listens, Listens)
    assert (listens.cpu, listens.address) == (1, label(board, "wait"))
    assert isinstance(wait, Waited)
    assert (wait.cpu, wait.address, wait.on) == (1, label(board, "wait"), "mailbox")
    assert (wait.bounded, wait.pauses) == (False, True)
    seen = [(one.cpu, one.offset, one.new) for one in stores if isinstance(one, Stored)]
    vector = goal.to_bytes(8, "little").rstrip(b"\0")
    assert seen == [(0, 8, vector), (0, 4, b"\x01"), (0, 0, b"\x01"), (1, 0, b"\x00")]
    last = stores[-1]
    assert isinstance(last, Stored)
    assert (last.before, last.after) == (Head(1, 0, 1, goal), Head(0, 0, 1, goal))
    assert last.ack is not None and last.ack.reading == "before"
    assert last.address == label(board, "ack")
    assert isinstance(arrived, Arrived)
    assert (arrived.cpu, arrived.name, arrived.address) == (1, "vector", goal)
    assert (arrived.mode, arrived.interrupts) == ("long", False)
    assert not board.aps.is_called(1) and board.aps.of(1) == "arrived"


def test_who_was_not_woken_does_not_arrive() -> None:
    source = HAND_OFF.replace("hlt\ncpu1", "jmp goal\ncpu1")
    board = finish(guest(source))
    assert [one.cpu for one in board.logs.observed if isinstance(one, Arrived)] == [1]


def test_the_same_wait_is_told_once_and_one_elsewhere_by_what_it_is_for() -> None:
    source = """
    start: mov ebx, {SHARED}
        mov ecx, 2
    1:  cmp dword ptr [rbx], ecx
        pause
        jne 1b
        hlt
    """
    driver = guest(source, cpus=1)
    driver.drive(FOREVER)
    driver.machine.stores.edit(0x42_0000, b"\x01")
    driver.drive(FOREVER)
    (one,) = driver.machine.board.logs.observed
    assert isinstance(one, Waited) and (one.on, one.pauses) == ("", True)


STRAYS: Final = """
cpu0: mov ebx, {MAILBOX}
    mov word ptr [rbx], 0
    hlt
cpu1: mov ebx, {MAILBOX}
    lea rax, [rip + goal]
ack: mov word ptr [rbx], 0
    STAYS
    jmp rax
goal: mov word ptr [rbx + 8], 0
    hlt
"""
"""Each store finds what it stores."""


@pytest.mark.parametrize("stays", ["", "1: jmp 1b"])
def test_an_ack_over_a_noop_is_seen_though_it_changes_nothing(stays: str) -> None:
    ends = []
    for looking in (True, False):
        driver = guest(STRAYS.replace("STAYS", stays))
        driver.machine.witness.on = looking
        digest = Digest(driver.machine)
        board = finish(driver)
        ends.append((digest.now(), board.tick, board.beat, [cpu.ticks for cpu in board.cpus]))
        found = [one for one in board.logs.observed if isinstance(one, Stored)]
        if looking:
            (one,) = found  # the OS's store, and the one to the vector, are no acks
            assert (one.cpu, one.address) == (1, label(board, "ack"))
            assert (one.new, one.before) == (b"", Head(0, 0, 0, 0)) and one.before == one.after
            goal = None if stays else label(board, "goal")
            assert one.ack is not None
            assert (one.ack.leaves, one.ack.vector) == (not stays, goal)
        else:
            assert not found
    assert ends[0] == ends[1]


@pytest.mark.parametrize("platform", ["none", "vbs", "tdx", "sipi"])
def test_the_sample_s_boot_is_the_same_with_and_without(platform: str) -> None:
    ends = []
    for looking in (True, False):
        driver = Place(platform, cpus=3).bare()
        driver.machine.witness.on = looking
        digest = Digest(driver.machine)
        board = finish(driver)
        events = list(map(str, board.logs.events))
        ends.append((digest.now(), board.tick, board.beat, events, dict(board.exit_counts)))
        kinds = Counter(type(one) for one in board.logs.observed)
        if looking:
            assert kinds[Waited] >= 2 and kinds[Handed] == 1 and kinds[Arrived] >= 2 * 3
            assert kinds[Started] == 2
            woken = {
                one.ack.reading
                for one in board.logs.observed
                if isinstance(one, Stored) and one.ack
            }
            assert "before" in woken and woken <= {"before", "unknown"}
        else:
            assert set(kinds) <= {Switched}, "which the profile needs, and no rule"
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("where", "told"), [("vbs", True), ("none", True), ("tdx", False)])
def test_pages_that_are_opened_are_told_with_what_is_in_them(where: str, told: bool) -> None:
    machine = guest("hlt", where).machine
    machine.stores.edit(DATA + 9, b"\x01\x00\x02")
    effect = SetPageState(Gpa(DATA), 2, "shared")
    apply.carry_out(machine, machine.board.cpus[1], (effect,))
    found = [one for one in machine.board.logs.observed if isinstance(one, Opened)]
    assert [(one.cpu, one.gpa, one.pages, one.bytes_set) for one in found] == (
        [(1, DATA, 2, 2)] if told else []
    )


@pytest.mark.parametrize("shared", [True, False])
def test_the_wrong_view_of_the_mailbox_is_told(shared: bool) -> None:
    driver = guest("start: mov eax, [{MAILBOX}]\n hlt", "tdx", 1)
    machine = driver.machine
    if shared:
        apply.set_page_state(machine.board, Gpa(MAILBOX), 1, "shared", zero=False)
    board = finish(driver)
    found = [one for one in board.logs.observed if isinstance(one, Refused)]
    assert [(one.cpu, one.text) for one in found] == (
        [(0, "the access is private, the page is shared")] if shared else []
    )


def test_a_call_that_is_refused_is_told_and_the_one_after_it() -> None:
    call = ".byte 0x66, 0x0f, 0x01, 0xcc"
    leaves = "\n".join(f"mov eax, {leaf}\n{call}" for leaf in (1, 0x55, 1, 1))
    board = finish(guest(f"start: {leaves}\nhlt", "tdx", 1))
    found = [one for one in board.logs.observed if isinstance(one, Called)]
    assert [bool(one.status) for one in found] == [True, False]
    assert found[0].call != found[1].call and all(one.shown == () for one in found)
