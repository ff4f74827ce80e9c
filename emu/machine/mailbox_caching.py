"""How a CPU caches the mailbox to which it has just stored."""

from typing import Final

from emu.boot import disasm
from emu.hw.address import page_of
from emu.hw.cpu import Cpu
from emu.hw.memory_types import memory_type
from emu.hw.paging import leaf_of
from emu.machine.board import Board

_CODE_BYTES: Final = 15


def mailbox_type(board: Board, cpu: Cpu, at: int) -> str:
    """The memory type through which the instruction at the linear address `at` has reached the
    mailbox; empty if the CPU's registers do not tell the way any more. A TD's private page is
    write-back, whatever its tables say: the module maps it with IPAT (intel/tdx-module,
    sept_manager.h, map_sept_leaf; SDM 3, 29.3.7.2)."""
    registers = cpu.registers
    data = board.virtual.most(registers, at, _CODE_BYTES)
    code = disasm.decode(data, at, registers.coding)
    if code is None:
        return ""
    for operand in code.memory:
        if "w" not in operand.access:
            continue
        gva = operand.address(registers.get, code)
        gpa = board.virtual.gpa(registers, gva)
        if gpa is None or page_of(gpa & ~board.shared_alias) != board.mailbox_gpa:
            continue
        if board.is_td and not gpa & board.shared_alias:
            return "WB"
        leaf = leaf_of(board.memory, board.npt.hpa_of, registers, gva)
        return "" if leaf is None else memory_type(registers, *leaf[1:])
    return ""
