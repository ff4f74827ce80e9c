"""What a CPU will load as it begins is held against what stood there when it was started."""

from typing import Final

import pytest

from emu.machine.start_cells import StartCells
from emu.mailbox.observation import CellReused
from emu.timeline.digest import Digest
from tests.guest import Guest, finish, label

BEGINS: Final = """
cpu0: nop
    {store}
    hlt
cpu1: {first}
    hlt
cell: .quad 5
"""
STORE: Final = "mov qword ptr [rip + cell], 6"
TAKES: Final = {
    "from a place in its code": "nop\nload: mov rax, [rip + cell]",
    "behind others": "mov ecx, 0x1b\n rdmsr\nload: mov edx, [rip + cell]",
    "behind a branch": "test edi, edi\n jz 1f\nload: mov rsp, [rip + cell]\n1: nop",
}  # fmt: skip
LEAVES: Final = {
    "it waits for a change": "1: pause\n mov rax, [rip + cell]\n cmp rax, 6\n jne 1b",
    "it takes a lock first": "lock inc dword ptr [{SHARED}]\n mov rax, [rip + cell]",
    "it exchanges": "mov eax, 1\n xchg [{SHARED}], eax\n mov rax, [rip + cell]",
    "it calls somebody first": "call 1f\n mov rax, [rip + cell]\n hlt\n1: ret",
    "it only compares": "cmp dword ptr [rip + cell], 0",
    "it stores": "mov dword ptr [rip + cell + 4], 0",
    "the place is computed": "lea rbx, [rip + cell]\n mov rax, [rbx]",
}  # fmt: skip


def reused(
    first: str, store: str = STORE, looking: bool = True
) -> tuple[list[CellReused], int, list[object]]:
    """CPU 1 has been started, and CPU 0 runs before it does: what is noted, where the load is,
    and what the guest came to."""
    driver = Guest(BEGINS.format(first=first, store=store), 2).driver()
    machine = driver.machine
    machine.witness.on = looking
    cpus = machine.board.cpus
    cpus[1].clock_ps = 1_000_000  # as if it were started by the first one, and a while later
    machine.cpu_witness.started(cpus[0], cpus[1])
    digest = Digest(machine)
    board = finish(driver)
    seen = [one for one in board.logs.observed if isinstance(one, CellReused)]
    found = label(board, "load") if "load:" in first else 0
    return seen, found, [digest.now(), board.tick, board.beat]


@pytest.mark.parametrize("first", TAKES.values(), ids=TAKES)
def test_a_cell_that_is_another_s_by_now_is_told_at_the_load(first: str) -> None:
    (one,), load, _ = reused(first)
    assert (one.cpu, one.by, one.address) == (1, 0, load)
    assert (one.old & 0xFF, one.new & 0xFF) == (5, 6)


@pytest.mark.parametrize("first", TAKES.values(), ids=TAKES)
@pytest.mark.parametrize(
    "store", ["nop", "mov qword ptr [rip + cell], 5", "mov [{SHARED}], ax"]
)
def test_one_that_stays_as_it_was_is_not(first: str, store: str) -> None:
    assert reused(first, store)[0] == []


@pytest.mark.parametrize("first", LEAVES.values(), ids=LEAVES)
def test_who_waits_takes_turns_or_only_looks_takes_nothing(first: str) -> None:
    assert reused(first)[0] == []


def test_what_is_on_top_of_its_stack_is_a_cell_and_what_it_pushed_is_not() -> None:
    top = "mov qword ptr [{STACKS} + 0x1ff8], 9"
    pops = "sub rsp, 8\n pop rbx"
    assert reused(pops, top)[0] == []
    driver = Guest(BEGINS.format(first="load: pop rbx", store=top), 2).driver()
    cpu = driver.machine.board.cpus[1]
    cpu.clock_ps = 1_000_000
    cpu.registers.put("rsp", cpu.registers.get("rsp") - 8)
    driver.machine.cpu_witness.started(driver.machine.board.cpus[0], cpu)
    (one,) = [o for o in finish(driver).logs.observed if isinstance(o, CellReused)]
    assert (one.old, one.new) == (0, 9)


def test_with_and_without_it_the_guest_comes_to_the_same() -> None:
    first = next(iter(TAKES.values()))
    assert reused(first)[2] == reused(first, looking=False)[2]


WAKES: Final = """
cpu0: mov ebx, {{MAILBOX}}
    mov ecx, 3000
1:  dec ecx
    jnz 1b
    lea rax, [rip + goal]
    mov [rbx + 8], rax
    mov dword ptr [rbx + 4], 1
    mov word ptr [rbx], 1
2:  pause
    cmp word ptr [rbx], 1
    je 2b
    {then}
    hlt
cpu1: mov ebx, {{MAILBOX}}
wait: pause
    cmp word ptr [rbx], 1
    jne wait
    mov rax, [rbx + 8]
    mov word ptr [rbx], 0
    mov ecx, 3000
3:  dec ecx
    jnz 3b
    jmp rax
goal: mov rdx, [rip + cell]
    hlt
cell: .quad 5
"""
"""The AP answers its Wakeup a while before it comes to the vector."""


def test_of_a_wake_up_the_code_at_the_vector_counts() -> None:
    for then, told in ((STORE, 1), ("nop", 0)):
        board = finish(Guest(WAKES.format(then=then), 2, mailbox=True).driver())
        found = [one for one in board.logs.observed if isinstance(one, CellReused)]
        assert [(one.cpu, one.address) for one in found] == [(1, label(board, "goal"))] * told


def test_a_step_by_hand_begins_too() -> None:
    machine = Guest(
        BEGINS.format(first="load: mov rax, [rip + cell]", store=STORE), 2
    ).machine()
    cpu = machine.board.cpus[1]
    machine.cpu_witness.started(machine.board.cpus[0], cpu)
    machine.stores.edit(label(machine.board, "cell"), b"\x07")
    machine.steps(cpu)
    (one,) = machine.board.logs.observed
    assert isinstance(one, CellReused) and (one.old, one.new) == (5, 7)


def test_what_is_saved_is_put_back() -> None:
    machine = Guest(BEGINS.format(first="mov rax, [rip + cell]", store="nop"), 2).machine()
    cells: StartCells = machine.cpu_witness.cells
    machine.cpu_witness.started(machine.board.cpus[0], machine.board.cpus[1])
    saved = cells.save()
    assert saved[1].by == 0 and saved[1].cells[0].value == b"\x05" + bytes(7)
    cells.load({})
    assert cells.save() == {}
    cells.load(saved)
    assert cells.save() == saved
