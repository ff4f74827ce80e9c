"""Which load or store of a device's register an instruction is: the forms that compilers, Linux
and firmware use for it (MOV, MOVZX, MOVSX, STOS)."""

from typing import Final

from emu.boot import disasm
from emu.boot.disasm import Instruction
from emu.hw.address import PAGE_MASK, U64
from emu.hw.context import Context
from emu.vmm.asked import MmioRead, MmioWrite, OddAccess
from emu.vmm.asked_words import access_word

_LOADS: Final = frozenset(("mov", "movabs", "movzx", "movsx", "movsxd"))
_STOS: Final = frozenset(("stosb", "stosw", "stosd", "stosq"))
_WRITE, _FETCH = 2, 16
_BACKWARDS: Final = 1 << 10
"""RFLAGS.DF."""


def device_access(
    code: bytes, registers: Context, error: int, gpa: int
) -> MmioRead | MmioWrite | OddAccess:
    """What an instruction that faulted at a device's address wants of it; `error` as that of a
    #PF."""
    one = disasm.decode(code, registers.rip, registers.coding)
    if one is None or len(one.memory) != 1 or error & _FETCH:
        return _odd(one, error, gpa)
    at = one.memory[0].address(registers.get, one)
    if not one.memory[0].segment and at & PAGE_MASK != gpa & PAGE_MASK:
        return _odd(one, error, gpa)  # its page tables lie there, or its other half
    found = _store(one, registers, gpa) if error & _WRITE else _load(one, gpa)
    return found or _odd(one, error, gpa)


def _odd(one: Instruction | None, error: int, gpa: int) -> OddAccess:
    text = "no valid instruction" if one is None else f"{one.mnemonic} {one.operands}"
    return OddAccess(0, access_word(error), gpa, text)


def _load(one: Instruction, gpa: int) -> MmioRead | None:
    """MOV register, memory, and the two that extend."""
    into = one.operands.partition(",")[0]
    if one.mnemonic not in _LOADS or not disasm.family(into):
        return None
    signed = one.mnemonic.startswith("movsx")
    return MmioRead(one.size, gpa, one.memory[0].size, into, signed)


def _store(one: Instruction, registers: Context, gpa: int) -> MmioWrite | None:
    """MOV memory, register or number; STOS, one round of it."""
    width = one.memory[0].size
    mask = (1 << 8 * width) - 1
    stem = one.mnemonic.rpartition(" ")[2]
    if stem in _STOS:
        return _round(one, registers, gpa, width)
    if stem not in ("mov", "movabs", "movnti"):
        return None
    source = one.operands.rpartition(", ")[2]
    if disasm.family(source):
        value = disasm.part(source, registers.get) & mask
    else:
        value = disasm.immediate(source) & mask
    return MmioWrite(one.size, gpa, width, value)


def _round(one: Instruction, registers: Context, gpa: int, width: int) -> MmioWrite:
    """With REP the instruction is only over when RCX has come to 0."""
    get = registers.get
    step = -width if get("rflags") & _BACKWARDS else width
    moved: tuple[tuple[str, int], ...] = (("rdi", get("rdi") + step & U64),)
    value, size = get("rax") & (1 << 8 * width) - 1, one.size
    if one.repeats:
        left = get("rcx") - 1
        moved, size = (*moved, ("rcx", left)), size if left == 0 else 0
    return MmioWrite(size, gpa, width, value, moved)
