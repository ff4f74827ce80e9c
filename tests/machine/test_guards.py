"""Pages that parked CPUs run on: who stores to them is told of once, and cannot tell."""

from typing import Final

import pytest

from emu.hw.address import Gpa
from emu.machine.guards import Guards
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.mailbox.observation import Reused
from emu.timeline.digest import Digest
from tests.guest import (
    CODE,
    FOREVER,
    MAILBOX,
    PD,
    PDPT,
    PML4,
    PT,
    STACKS,
    Guest,
    finish,
    go_on,
    label,
)
from tests.machine.elsewhere import Place


def test_a_bug_inside_the_fault_handler_is_raised_and_does_not_hang() -> None:
    driver = Place("vbs", cpus=2).bare()

    def broken(gpa: int) -> bool:
        raise AssertionError(f"a bug at {gpa:#x}")

    driver.machine.board.engine.absorb = broken
    with pytest.raises(AssertionError, match="a bug at"):
        driver.drive(FOREVER)


def at_kernel(platform: str) -> Machine:
    """The sample with three CPUs, its kernel about to be entered."""
    driver = Place(platform, cpus=3).bare()
    board = driver.machine.board
    board.addresses.stop(label(board, "kernel_start"), None)
    assert go_on(driver) is Pause.BREAKPOINT
    return driver.machine


def _table_of(machine: Machine, cpu: int) -> int:
    return machine.board.cpus[cpu].registers.get("cr3")


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi", "none"])
def test_the_tables_of_a_parked_ap_are_open_to_its_slices_only(platform: str) -> None:
    machine = at_kernel(platform)
    tables = [_table_of(machine, cpu) for cpu in (1, 2)]
    assert all(table in machine.guards.pages for table in tables)
    for cpu, (own, other) in ((1, tables), (2, tables[::-1])):
        machine.switch_to(machine.board.cpus[cpu])
        assert own in machine.tracked.lent
        assert other not in machine.tracked.lent
    machine.switch_to(machine.board.cpus[0])
    assert not machine.tracked.lent


WAITS = """
cpu0: mov ebx, {MAILBOX}
    mov ecx, 4000
1:  dec ecx
    jnz 1b
here: STORE
    nop
    STORE
    hlt
cpu1: mov ebx, {MAILBOX}
head: pause
    cmp word ptr [rbx], 1
    jne head
    hlt
"""
"""CPU 1 waits at the mailbox; CPU 0 stores somewhere, twice."""


def run(store: str, looking: bool = True) -> tuple[Guards, list[Reused], list[object]]:
    """What is guarded at the end, whose use was seen, and what the guest came to."""
    driver = Guest(WAITS.replace("STORE", store), 2, mailbox=True).driver()
    driver.machine.witness.on = looking
    digest = Digest(driver.machine)
    board = finish(driver)
    seen = [one for one in board.logs.observed if isinstance(one, Reused)]
    clocks = [(cpu.clock_ps, cpu.ticks) for cpu in board.cpus]
    return driver.machine.guards, seen, [digest.now(), board.tick, board.beat, clocks]


def test_who_waits_at_the_mailbox_has_its_tables_code_and_stack_guarded() -> None:
    guards, seen, _ = run("nop")
    kinds = {page: guard.kind for page, guard in guards.pages.items()}
    assert kinds == {
        PML4: "table", PDPT: "table", PD: "table", PT: "table", CODE: "code",
        STACKS + 0x1000: "stack",
    }  # fmt: skip
    assert {guard.users for guard in guards.pages.values()} == {frozenset((1,))}
    assert not seen and Gpa(MAILBOX) not in guards.pages


def test_the_first_store_of_another_to_its_code_is_told_and_no_second() -> None:
    store = "lea rdx, [rip + head]\n mov byte ptr [rdx + 64], 7"
    guards, seen, _ = run(store)
    (one,) = seen
    assert (one.cpu, one.gpa, one.users) == (0, CODE, (1,))
    assert Gpa(CODE) not in guards.pages and Gpa(PT) in guards.pages


BESIDE: Final = """
cpu0: hlt
cpu1: mov ebx, {MAILBOX}
    jmp head
cpu2: mov ecx, 4000
1:  dec ecx
    jnz 1b
    mov ebx, {MAILBOX}
    HERE
head: pause
    cmp word ptr [rbx], 1
    jne head
    hlt
kept: .quad 0
    .org 0x1000
far:
    THERE
    jmp head
"""
"""CPU 1 waits at the mailbox when CPU 2 comes to the same loop, with something to keep."""


def test_what_a_firmware_s_ap_keeps_beside_its_code_is_its_own() -> None:
    """EDK2's loop stores the address of its mailbox there (OvmfPkg/TdxDxe/X64/
    ApRunLoop.nasm); from code of another page it is a store to somebody's code."""
    store = "mov [rip + kept], rbx"
    found = []
    for here, there in ((store, "nop"), ("jmp far", store)):
        code = BESIDE.replace("THERE", there).replace("HERE", here)
        observed = finish(Guest(code, 3, mailbox=True).driver()).logs.observed
        found.append([(o.cpu, o.users) for o in observed if isinstance(o, Reused)])
    assert found == [[], [(2, (1,))]]


@pytest.mark.parametrize("store", ["mov rax, [{PT}]\n mov [{PT}], rax", "mov eax, [{SHARED}]"])
def test_tables_that_both_run_on_are_theirs_to_store_to(store: str) -> None:
    """It walks them too: a store is its own business."""
    guards, seen, _ = run(store)
    assert not seen and Gpa(PT) in guards.pages


@pytest.mark.parametrize(
    "store", ["nop", "lea rdx, [rip + head]\n mov byte ptr [rdx + 64], 7",
              "mov qword ptr [{STACKS} + 0x1ff0], 5", "mov rax, [{PT}]\n mov [{PT}], rax"],
)  # fmt: skip
def test_with_and_without_guards_the_guest_comes_to_the_same(store: str) -> None:
    assert run(store)[2] == run(store, looking=False)[2]


def test_pages_are_usable_where_a_range_touches_them() -> None:
    guards, _, _ = run("nop")
    found = guards.usable([(PML4 + 0xFFF, PML4 + 0x1000), (CODE, CODE + 1)])
    assert [page for page, _ in found] == [PML4, CODE]
    assert guards.usable([(PML4 - 0x1000, PML4), (CODE + 0x1000, CODE + 0x2000)]) == []


def test_what_is_saved_is_put_back() -> None:
    guards, _, _ = run("nop")
    saved = guards.save()
    guards.pages.clear()
    guards.load(saved)
    assert guards.save() == saved and len(guards.pages) == 6
