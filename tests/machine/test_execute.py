"""One instruction that was begun already is executed, whatever stands in its way."""

import pytest

from emu.hw.exit import ExitKind
from emu.hw.vmcb import EXIT_NPF
from emu.machine.execute import execute
from tests.guest import Guest, label, step_to
from tests.machine.bare import CODE, DATA, Bare, gva

SOURCE = "start: mov ebx, {SHARED}\nhere: inc dword ptr [rbx]\n nop\n ud2"


def test_a_breakpoint_at_it_does_not_stop_it_again_but_one_behind_it_may() -> None:
    machine = Guest(SOURCE).machine()
    board, cpu = machine.board, machine.board.cpus[0]
    step_to(machine, 0, "here")
    board.addresses.stop(label(board, "here"), None)
    tick, ticks, clock = board.tick, cpu.ticks, cpu.clock_ps
    exit_ = execute(board, cpu)
    assert (exit_.kind, exit_.executed) == (ExitKind.BUDGET, 1)
    assert (board.tick, cpu.ticks) == (tick + 1, ticks + 1)
    assert cpu.clock_ps == clock + cpu.ps_per_instruction
    assert cpu.registers.rip == label(board, "here") + 2


def test_one_that_leaves_the_guest_has_not_retired() -> None:
    machine = Guest("start: ud2").machine()
    board, cpu = machine.board, machine.board.cpus[0]
    exit_ = execute(board, cpu)
    assert exit_.kind is ExitKind.INTERCEPT and (board.tick, cpu.clock_ps) == (0, 0)


@pytest.mark.parametrize(("rights", "runs"), [("rwx", True), ("rw", True), ("r", False)])
def test_what_only_the_shadow_refuses_is_let_through(rights: str, runs: bool) -> None:
    guest = Bare()
    guest.code(b"\x48\x89\x03")  # mov [rbx], rax
    guest.cpu.registers.put("rbx", gva(DATA[0]))
    guest.cpu.registers.put("rax", 7)
    guest.nested(DATA[0], rights)
    exit_ = execute(guest.machine.board, guest.cpu)
    assert (exit_.kind is ExitKind.BUDGET) == runs == (guest.word(DATA[0]) == 7)
    assert runs or exit_.code == EXIT_NPF
    assert guest.machine.board.tick == runs
    assert guest.cpu.registers.rip == gva(CODE[0], 3 * runs)


def test_others_behind_it_are_executed_with_it_up_to_the_one_that_leaves() -> None:
    machine = Guest(SOURCE).machine()
    board, cpu = machine.board, machine.board.cpus[0]
    exit_ = execute(board, cpu, 2)
    assert (exit_.kind, board.tick, cpu.registers.rip) == (
        ExitKind.BUDGET,
        2,
        label(board, "here") + 2,
    )
    assert execute(board, cpu, 9).kind is ExitKind.INTERCEPT and board.tick == 3
