"""One instruction of one CPU, whatever it takes to get it executed."""

from emu.hw.cpu import Cpu
from emu.hw.exit import Exit
from emu.hw.vmcb import EXIT_NPF
from emu.machine import no_execute
from emu.machine.board import Board


def execute_one(board: Board, cpu: Cpu) -> Exit:
    """Run one instruction that was already begun: no breakpoint stops it again."""
    at = board.linear_rip(cpu)
    exit_ = board.engine.run(cpu.registers, 1, at)
    board.retire(cpu, exit_.executed)
    if exit_.code == EXIT_NPF:
        exit_ = no_execute.go_on(board, cpu, exit_, 1, at)
    return exit_
