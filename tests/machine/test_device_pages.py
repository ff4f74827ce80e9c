"""An instruction that is not decoded runs on a page that it is lent, and on nothing else."""

from typing import Final

from emu.hw.address import Gpa
from emu.hw.exit import Exit, ExitKind
from emu.hw.vmcb import EXIT_NPF
from emu.machine import device_pages
from emu.machine.machine import Machine
from tests.guest import SHARED, Guest, finish, label, step_to, word

PAGE: Final = Gpa(0xFEE0_0000)
SOURCE: Final = f"""
start: mov ebx, {{PT2}}
    mov eax, {PAGE | 3:#x}
    mov [rbx], rax
    mov ebx, {{WINDOW}}
    mov ecx, 0x20
here: xchg [rbx + 0x80], ecx            # the task priority of an xAPIC
    mov [{{SHARED}}], ecx
    mov ecx, [rbx + 0x80]
    mov [{{SHARED}} + 4], ecx
last: hlt
"""


def test_what_is_stored_comes_to_the_device_and_what_it_read_to_the_register() -> None:
    board = finish(Guest(SOURCE, 1).driver())
    assert (board.crash, word(board, SHARED)) == ("", 0x20 << 32)
    assert board.vmm.msrs[0, 0x808] == 0x20


def test_the_page_is_there_for_one_instruction_alone() -> None:
    machine: Machine = Guest(SOURCE, 1).machine()
    step_to(machine, 0, "here")
    board = machine.board
    assert board.linear_rip(board.cpus[0]) == label(board, "here")
    ticks = board.tick
    machine.steps(board.cpus[0])
    assert board.tick == ticks + 1
    assert board.npt.hpa_of(PAGE) is None


def test_any_other_exit_is_not_its_business() -> None:
    machine = Guest(SOURCE, 1).machine()
    cpu = machine.board.cpus[0]
    nowhere = Exit(ExitKind.INTERCEPT, 0, EXIT_NPF, info=0x1_2345_6000)
    for exit_ in (Exit(ExitKind.BUDGET, 0), nowhere):
        assert device_pages.lend(machine, cpu, exit_) is None
    assert machine.board.tick == 0
