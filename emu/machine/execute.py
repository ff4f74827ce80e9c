"""Single instructions of one CPU, whatever it takes to get them executed."""

from emu.hw.cpu import Cpu
from emu.hw.exit import Exit
from emu.hw.vmcb import EXIT_NPF
from emu.machine import no_execute
from emu.machine.board import Board
from emu.machine.encryption_bit import concerns, strip


def execute(board: Board, cpu: Cpu, most: int = 1) -> Exit:
    """Run one instruction that was already begun, so that no breakpoint stops it again, and up
    to `most` together with those behind it."""
    at = board.linear_rip(cpu)
    exit_ = board.engine.run(cpu.registers, most, at)
    board.retire(cpu, exit_.executed)
    if concerns(board, exit_):
        exit_ = strip(board, cpu, exit_) or exit_
    if exit_.code == EXIT_NPF:
        exit_ = no_execute.go_on(board, cpu, exit_, most, at)
    return exit_
