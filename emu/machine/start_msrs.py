"""MSRs with which a CPU begins in the middle of somebody's machine."""

from typing import Final

from emu.errors import PlatformError
from emu.hw.cpu import Cpu
from emu.hw.vmcb import SegmentState
from emu.machine.board import Board
from emu.vmm.clock import TSC_ADJUST
from emu.vmm.msr import msr_word

TSC: Final = 0x10
_WORDS: Final = {
    0x175: "sysenter_esp", 0x176: "sysenter_eip", 0x277: "pat", 0xC000_0081: "star",
    0xC000_0082: "lstar", 0xC000_0083: "cstar", 0xC000_0084: "fmask",
    0xC000_0102: "kernel_gs_base", 0xC000_0080: "efer",
}  # fmt: skip
"""Number -> the register of the CPU that it is (SDM 4, table 2-2)."""
_BASES: Final = {0xC000_0100: "fs", 0xC000_0101: "gs"}
_UNKNOWN: Final = 0x174
"""SYSENTER_CS, which the emulator has where nobody writes it."""


def put(board: Board, cpu: Cpu, number: int, value: int) -> None:
    """Have the CPU begin with it; raises PlatformError for one that nobody has here."""
    registers = cpu.registers
    if number in _WORDS:
        registers.put(_WORDS[number], value)
    elif number in _BASES:
        old = registers.segment(_BASES[number])
        new = SegmentState(old.selector, value, old.limit, old.attributes)
        registers.put_segment(_BASES[number], new)
    elif number == TSC:  # the clock of a machine begins at 0
        board.vmm.msrs[cpu.id, TSC_ADJUST] = value
    elif msr_word(number) and number != _UNKNOWN:
        board.vmm.msrs[cpu.id, number] = value
    else:
        raise PlatformError(
            f"{board.layout.name}: cpus[{cpu.id}].registers.msrs: there is no MSR {number:#x}"
        )


def kept(board: Board, cpu: Cpu) -> dict[int, int]:
    """Those of a CPU that `put` would have again."""
    found = {number: cpu.registers.get(name) for number, name in _WORDS.items()}
    found |= {
        number: value
        for (owner, number), value in board.vmm.msrs.items()
        if owner == cpu.id and number != TSC_ADJUST and msr_word(number)
    }
    return found
