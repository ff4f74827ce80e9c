"""The C-bit of an SEV guest's tables, which the engine's page walk calls reserved.

For one instruction the entries on the way to a page are without it. What the walk has found is
in the TLB then, so the same page costs nothing more until its translation is dropped; the guest
never reads the changed entries. Pages with and without the bit are the same memory here.
"""

from typing import Final

from emu.hw.address import PAGE_BYTES, U64
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.hw.nested_walk import FRAME, PHYSICAL_BITS, PRESENT
from emu.hw.vmcb import EXIT_EXCEPTION
from emu.machine.board import Board

_PAGE_FAULT: Final = EXIT_EXCEPTION + 14
_RESERVED: Final = 8
_LARGE: Final = 1 << 7
_SHIFTS: Final = (39, 30, 21, 12)
_PAGES_PER_INSTRUCTION: Final = 8
"""Code, stack, two operands, and each of them over the end of its page."""


def concerns(board: Board, exit_: Exit) -> bool:
    """Whether an exit is a #PF with RSVD, where memory is encrypted."""
    return (
        bool(board.memory.encryption_bit)
        and exit_.kind is ExitKind.INTERCEPT
        and exit_.code == _PAGE_FAULT
        and bool(exit_.error & _RESERVED)
    )


def strip(board: Board, cpu: Cpu, exit_: Exit) -> Exit | None:
    """Run the instruction of a #PF with RSVD without the bit. None: that was not what was
    wrong, so the fault is the guest's own; else what is left to be handled."""
    memory, bit = board.memory, board.memory.encryption_bit
    stripped: list[int] = []
    again = exit_
    for _ in range(_PAGES_PER_INSTRUCTION):
        found = _entries(board, cpu, again.info)
        if not found:
            break
        for place in found:
            memory.put_u64(place, memory.u64(place) & ~bit)
        stripped += found
        again = board.engine.run(cpu.registers, 1, board.linear_rip(cpu))
        board.retire(cpu, again.executed)
        if not concerns(board, again):
            break
    for place in stripped:
        memory.put_u64(place, memory.u64(place) | bit)  # A and D bits stay as the walk set them
    return again if stripped else None


def _entries(board: Board, cpu: Cpu, gva: int) -> list[int]:
    """Host addresses of the entries on the way to a page that have the bit; none if one has
    another bit above the engine's addresses, which is reserved."""
    memory, bit, found = board.memory, board.memory.encryption_bit, list[int]()
    reserved = FRAME & (U64 << PHYSICAL_BITS) & ~bit
    table = cpu.registers.get("cr3") & FRAME & ~bit
    for shift in _SHIFTS:
        place = board.npt.hpa_of(table + 8 * (gva >> shift & 511))
        if place is None:
            break
        entry = memory.u64(place)
        if not entry & PRESENT:
            break
        if entry & reserved:
            return []
        found += [int(place)] if entry & bit else []
        if entry & _LARGE and PAGE_BYTES < 1 << shift <= 1 << 30:
            break
        table = entry & FRAME & ~bit
    return found
