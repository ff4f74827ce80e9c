"""IN and OUT that a guest may not have: the engine gives the CPU back as if it stood before."""

import pytest

from emu.hw.exit import Exit, ExitKind
from emu.machine.board import Board
from tests.guest import DATA, Guest, label, step_to

SOURCE = f"""
start:
    movabs rax, 0x8877665544332211
    mov edx, 0x3f8
    mov esi, {DATA}
    mov edi, {DATA}
    mov ecx, 3
    cmp ecx, 3
at:
    ACCESS
    nop
    hlt
"""
ACCESSES = ("in al, dx", "in eax, 0x71", "out dx, ax", "outsb", "rep outsd", "rep insw")


def before(access: str, platform: str) -> Board:
    """A board whose CPU stands before the access."""
    machine = Guest(SOURCE.replace("ACCESS", access), 1, platform).machine()
    step_to(machine, 0, "at")
    return machine.board


@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("way", ["run", "steps"])
def test_in_a_td_nothing_of_it_has_happened(access: str, way: str) -> None:
    board = before(access, "tdx")
    context = board.cpus[0].registers
    was = context.architectural()
    exit_ = getattr(board.engine, way)(context, 10)
    assert exit_.kind in (ExitKind.PORT_IN, ExitKind.PORT_OUT)
    assert (exit_.executed, exit_.done) == (0, False)
    assert context.architectural() == was
    assert getattr(board.engine, way)(context, 10) == exit_, "and it comes again"


@pytest.mark.parametrize("access", ACCESSES)
def test_elsewhere_it_has_retired(access: str) -> None:
    board = before(access, "none")
    context = board.cpus[0].registers
    exit_: Exit = board.engine.run(context, 10)
    assert exit_.done and exit_.executed == 1
    assert access.startswith("rep") or context.rip > label(board, "at")
    assert context.get("rflags") & 0x44 == 0x44, "ZF and PF of the comparison"
