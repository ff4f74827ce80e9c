"""Writes to control registers: decided by the model, and made by the emulator if they may be.

The emulator makes any of them, so each exits (CR0, CR3, CR4 by SVM's intercepts, EFER by its
MSR's). One that platform and processor allow is made at once, with the intercept open: it is no
exit of the guest's, and no tick, beat or slice is another one by it. What is refused is an exit
like any other (`emu.vmm.controls`).
"""

from typing import Final

from emu.hw import vmcb
from emu.hw.context import Context
from emu.hw.control import CR0_DEFINED, CR0_PE, CR0_PG, EFER_LMA, efer_after
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine.ask import CONTROL_WRITES, writes_efer
from emu.machine.board import Board
from emu.machine.execute import execute
from emu.mailbox.observation import Switched
from emu.vmm import controls
from emu.vmm.asked import ControlWrite

CODES: Final = frozenset((*CONTROL_WRITES, vmcb.EXIT_MSR))
"""Codes of the exits that may be such a write; port numbers may equal them."""


def go_on(board: Board, cpu: Cpu, exit_: Exit) -> Exit:
    """What becomes of a run that ended in `exit_`: if it was a write, it has been made now and
    is retired, and what is left is BUDGET, or what the fetch behind it came to."""
    if exit_.kind is not ExitKind.INTERCEPT:
        return exit_
    if exit_.code == vmcb.EXIT_MSR and not writes_efer(cpu.registers):
        return exit_
    asked = board.ask(cpu, exit_)
    assert isinstance(asked, ControlWrite), f"exit {exit_.code:#x} writes a control register"
    if controls.answer(board.caller(cpu), asked):
        return exit_
    where = board.tick, cpu.nanoseconds, cpu.id, board.linear_rip(cpu)
    before = _mode(cpu.registers)
    done = (_write_efer if asked.register == "efer" else _run)(board, cpu, asked)
    if before != (now := _mode(cpu.registers)) and not board.on_trial:
        board.logs.observed.append(Switched(*where, before, now))
    return done._replace(executed=exit_.executed + done.executed)


def _mode(registers: Context) -> tuple[bool, bool, bool]:
    cr0 = registers.get("cr0")
    return bool(cr0 & CR0_PE), bool(cr0 & CR0_PG), bool(registers.get("efer") & EFER_LMA)


def _write_efer(board: Board, cpu: Cpu, asked: ControlWrite) -> Exit:
    registers = cpu.registers
    registers.put("efer", efer_after(registers.get("efer"), asked.value))
    registers.pass_over(asked.size)
    board.retire(cpu, 1)
    return Exit(ExitKind.BUDGET, 1)


def _run(board: Board, cpu: Cpu, _: ControlWrite) -> Exit:
    """The instruction alone, in the emulator, which also knows what else follows from it. It
    keeps bits of CR0 that no processor has."""
    registers = cpu.registers
    registers.intercept_writes(0)
    try:
        done = execute(board, cpu)
    finally:
        registers.intercept_writes(vmcb.CR_WRITES)
    if registers.get("cr0") & ~CR0_DEFINED:
        registers.put("cr0", registers.get("cr0") & CR0_DEFINED)
    return done
