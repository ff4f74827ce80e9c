"""Where the emulator differs from hardware, repaired so that the guest cannot tell.

Each repair is for an exit that a real CPU would not make; afterwards the same instruction
simply runs again. What they are for was measured on unicorn 2.1.4.
"""

from typing import Final

from msgspec.structs import replace

from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.hw.paging import shared_bit_leaf
from emu.hw.vmcb import EXIT_EXCEPTION, EXIT_NPF
from emu.machine import encryption_bit
from emu.machine.board import Board
from emu.machine.encryption_bit import concerns
from emu.machine.execute import execute
from emu.machine.no_execute import code_base

_PAGE_FAULT: Final = EXIT_EXCEPTION + 14
OF_ACCESSES: Final = frozenset((_PAGE_FAULT, EXIT_NPF))
"""Codes of the exits that may be the emulator's own; port numbers may equal them."""
_RESERVED: Final = 8
SHARED_BIT: Final = 47
"""Bit of a guest-physical address that asks for a TD's shared view (GPAW 48)."""
_PAGES_PER_INSTRUCTION: Final = 4
UNDONE: Final = Exit(ExitKind.BUDGET, 0)
"""Nothing is left of an exit."""


def repair(board: Board, cpu: Cpu, exit_: Exit) -> Exit | None:
    """None if the exit is the guest's own. Else it is undone: BUDGET, or what is left to be
    handled, now that the instruction has come further."""
    if exit_.kind is not ExitKind.INTERCEPT:
        return None
    if exit_.code in (_PAGE_FAULT, EXIT_NPF) and code_base(cpu):
        cpu.registers.put_segment("cs", replace(cpu.registers.segment("cs"), base=0))
        return UNDONE
    tdx = board.is_td
    if tdx and exit_.code == _PAGE_FAULT and exit_.error & _RESERVED:
        return _fold(board, cpu, exit_)
    return encryption_bit.strip(board, cpu, exit_) if concerns(board, exit_) else None


def _fold(board: Board, cpu: Cpu, exit_: Exit) -> Exit | None:
    """A leaf with the shared bit: the page walk knows 40 bits and calls it reserved.

    For one instruction the leaf carries the alias bit instead; the guest never reads it.
    """
    folded: list[tuple[int, int]] = []
    address, again = exit_.info, exit_
    for _ in range(_PAGES_PER_INSTRUCTION):
        leaf = shared_bit_leaf(board.memory, board.npt.hpa_of, cpu.registers, address)
        if leaf is None:
            break
        entry = board.memory.u64(leaf)
        board.memory.put_u64(leaf, entry & ~(1 << SHARED_BIT) | board.shared_alias)
        folded.append((leaf, entry))
        board.engine.flush_tlb()
        again = execute(board, cpu)
        if not (again.kind is ExitKind.INTERCEPT and again.code == _PAGE_FAULT):
            break
        address = again.info
    for place, entry in folded:
        seen = board.memory.u64(place)
        board.memory.put_u64(place, seen & ~board.shared_alias | entry & 1 << SHARED_BIT)
    if not folded:
        return None
    if again.code == EXIT_NPF and again.kind is ExitKind.INTERCEPT:
        # The page is not shared: that is the guest's own doing, told by the guest's address.
        gpa = again.info & ~board.shared_alias | 1 << SHARED_BIT
        return again._replace(info=gpa, gla=address)
    return UNDONE
