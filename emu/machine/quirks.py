"""Where the emulator differs from hardware, repaired so that the guest cannot tell.

Each repair is for an exit that a real CPU would not make; afterwards the same instruction
simply runs again (facts/openhcl_run 1.5.1 and 1.5.6).
"""

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from emu.hw.cpu import Cpu
from emu.hw.engine import Exit, ExitKind
from emu.hw.paging import shared_bit_leaf
from emu.hw.vmcb import EXIT_EXCEPTION, EXIT_NPF

if TYPE_CHECKING:
    from emu.machine.machine import Machine

_PAGE_FAULT: Final = EXIT_EXCEPTION + 14
OF_ACCESSES: Final = frozenset((_PAGE_FAULT, EXIT_NPF))
"""Codes of the exits that may be the emulator's own; port numbers may equal them."""
_RESERVED: Final = 8
SHARED_BIT: Final = 47
"""Bit of a guest-physical address that asks for a TD's shared view (GPAW 48)."""
_PAGES_PER_INSTRUCTION: Final = 4


def repair(machine: "Machine", cpu: Cpu, exit_: Exit) -> bool:
    """Whether the exit was the emulator's own; then it is undone."""
    if exit_.kind is not ExitKind.INTERCEPT:
        return False
    if exit_.code in (_PAGE_FAULT, EXIT_NPF) and code_base(cpu):
        cpu.registers.put_segment("cs", replace(cpu.registers.segment("cs"), base=0))
        return True
    tdx = machine.platform.isolation == "tdx"
    if tdx and exit_.code == _PAGE_FAULT and exit_.error & _RESERVED:
        return _fold(machine, cpu, exit_)
    return False


def code_base(cpu: Cpu) -> bool:
    """Whether fetches go astray: real CPUs ignore CS.base in 64-bit mode, the emulator adds
    it to every fetch."""
    context = cpu.registers
    return context.mode == "long" and context.segment("cs").base != 0


def _fold(machine: "Machine", cpu: Cpu, exit_: Exit) -> bool:
    """A leaf with the shared bit: the page walk knows 40 bits and calls it reserved.

    For one instruction the leaf carries the alias bit instead; the guest never reads it.
    """
    folded: list[tuple[int, int]] = []
    address, again = exit_.info, exit_
    for _ in range(_PAGES_PER_INSTRUCTION):
        leaf = shared_bit_leaf(machine.memory, machine.npt.hpa_of, cpu.registers, address)
        if leaf is None:
            break
        entry = machine.memory.u64(leaf)
        machine.memory.put_u64(leaf, entry & ~(1 << SHARED_BIT) | machine.shared_alias)
        folded.append((leaf, entry))
        machine.engine.flush_tlb()
        again = machine.execute_one(cpu)
        if not (again.kind is ExitKind.INTERCEPT and again.code == _PAGE_FAULT):
            break
        address = again.info
    for place, entry in folded:
        seen = machine.memory.u64(place)
        machine.memory.put_u64(place, seen & ~machine.shared_alias | entry & 1 << SHARED_BIT)
    if folded and again.code == EXIT_NPF and again.kind is ExitKind.INTERCEPT:
        machine.exit_(cpu, again)  # the page is not shared: that is the guest's own doing
    return bool(folded)
