"""Going back in memory: old bytes are kept once, of every page that changes and of no other."""

import random

import pytest

from emu.hw.address import PAGE_BYTES, Hpa
from emu.machine.machine import Machine
from emu.machine.undo import UndoLog
from tests.guest import BASE, DATA, MEMORY_BYTES, Guest, step_to

SOURCE = """
start: mov ebx, {DATA}
    mov dword ptr [rbx], 7
one: mov dword ptr [rbx + 8], 8
    mov qword ptr [rbx + 0xffc], -1
two: mov dword ptr [rbx + 0x2000], 0
    lock inc dword ptr [rbx]
three: hlt
"""


def memory_of(machine: Machine) -> dict[int, bytes]:
    """All pages of the guest by HPA."""
    first = machine.board.ram.hpa(BASE)
    assert first is not None
    pages = range(first, first + MEMORY_BYTES, PAGE_BYTES)
    return {page: machine.board.memory.read(Hpa(page), PAGE_BYTES) for page in pages}


def at(machine: Machine, gpa: int) -> int:
    """The HPA of a guest's byte."""
    hpa = machine.board.ram.hpa(gpa)
    assert hpa is not None
    return hpa


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_is_what_stood_there_of_all_that_changed(seed: int) -> None:
    draw, machine = random.Random(seed), Guest(SOURCE).machine()
    undo = machine.board.undo
    assert isinstance(undo, UndoLog)
    for target in ("one", "two", "three"):
        before = memory_of(machine)
        undo.cut()
        machine.board.engine.flush_tlb()
        machine.stores.edit(DATA + 0x100, draw.randbytes(3))
        step_to(machine, 0, target)
        for place in (0x100, 0x110, draw.randrange(0x8000)):
            machine.stores.edit(DATA + place, draw.randbytes(3))
        after = memory_of(machine)
        changed = {page for page in before if before[page] != after[page]}
        assert changed <= undo.images.keys() <= undo.stale
        for page in undo.images.keys() & before.keys():
            assert (undo.images[page] or bytes(PAGE_BYTES)) == before[page]
        if draw.random() < 0.5:
            assert set(undo.revert()) >= changed
            assert memory_of(machine) == before and undo.images == {}
            machine.stores.edit(DATA, b"\x07")


def test_a_page_is_absorbed_once_between_two_checkpoints_and_again_after_the_next() -> None:
    machine = Guest(SOURCE).machine()
    board, seen = machine.board, []

    def absorb(gpa: int) -> bool:
        seen.append(gpa & ~0xFFF)
        return board.undo.absorb(gpa)

    board.engine.absorb = absorb
    for target, wanted in (("two", [DATA, DATA + 0x1000]), ("three", [DATA + 0x2000])):
        step_to(machine, 0, target)
        assert [page for page in seen if page >= DATA] == wanted
        assert at(machine, DATA) in board.undo.images
        seen.clear()
    board.undo.cut()
    assert not any(board.npt.writable(page) for page in range(DATA, DATA + 0x3000, PAGE_BYTES))
    assert board.undo.absorb(DATA) and board.npt.writable(DATA)
    assert not board.undo.absorb(DATA)  # it is open already


def test_a_page_that_is_closed_for_another_reason_stays_closed() -> None:
    machine = Guest(SOURCE).machine()
    machine.tracked.add(DATA, "wait")
    machine.board.undo.cut()
    assert not machine.board.undo.absorb(DATA) and not machine.board.npt.writable(DATA)
    assert at(machine, DATA) not in machine.board.undo.images


def test_to_swap_twice_is_to_have_done_nothing_and_once_is_the_other_end() -> None:
    machine = Guest(SOURCE).machine()
    undo = machine.board.undo
    undo.cut()
    before = memory_of(machine)
    step_to(machine, 0, "three")
    images, after = undo.cut(), memory_of(machine)
    kept = dict(images)
    undo.stale.clear()
    undo.swap(images)
    assert memory_of(machine) == before and undo.stale == images.keys()
    undo.swap(images)
    assert memory_of(machine) == after and images == kept
