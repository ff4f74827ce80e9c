"""How a CPU caches the mailbox to which it has just stored."""

from typing import TYPE_CHECKING, Final

from emu.boot import disasm
from emu.hw.address import page_of
from emu.hw.cpu import Cpu
from emu.hw.memory_types import memory_type
from emu.hw.paging import walk_context

if TYPE_CHECKING:
    from emu.machine.machine import Machine

_CODE_BYTES: Final = 15


def mailbox_type(machine: "Machine", cpu: Cpu, at: int) -> str:
    """The memory type through which the instruction at the linear address `at` has reached the
    mailbox; empty if the CPU's registers do not tell the way any more."""
    registers = cpu.registers
    data = machine.virtual.most(registers, at, _CODE_BYTES)
    code = disasm.decode(data, at, registers.mode)
    if code is None:
        return ""
    for operand in code.memory:
        gva = operand.address(registers.get, code)
        if "w" not in operand.access or machine.virtual.gpa(registers, gva) is None:
            continue
        walk = walk_context(machine.memory, machine.npt, registers, gva, "write")
        if walk.gpa is not None and page_of(walk.gpa & ~machine.shared_alias) == (
            machine.mailbox_gpa
        ):
            return memory_type(registers, walk)
    return ""
