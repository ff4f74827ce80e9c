"""One instruction from its bytes: text for people, operands and registers for the debugger.

The only home of capstone. What capstone 5 does not know, TDCALL and its kin, has a table here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import capstone
from capstone import x86_const

from emu.hw.address import U64

Kind = Literal["call", "ret", "jump", "branch", "other"]


def _flag_bits(*kinds: str) -> int:
    """All of capstone's flag-effect bits of some kinds: MODIFY, SET, RESET, UNDEFINED, TEST."""
    names = (name for name in dir(x86_const) if name.startswith("X86_EFLAGS_"))
    return sum(getattr(x86_const, name) for name in names if name.split("_")[2] in kinds)


_FLAGS_WRITTEN: Final = _flag_bits("MODIFY", "SET", "RESET", "UNDEFINED")
_FLAGS_READ: Final = _flag_bits("TEST")

CACHE_INSTRUCTIONS: Final = 65_536
"""A whole boot has some 10,000 distinct instructions; an entry is about 1 KB."""

_UNKNOWN: Final = {
    b"\x66\x0f\x01\xcc": "tdcall",
    b"\x66\x0f\x01\xcd": "seamret",
    b"\x66\x0f\x01\xce": "seamops",
    b"\x66\x0f\x01\xcf": "seamcall",
}
"""Intel TDX instructions (SDM 2D), which capstone decodes to nothing."""
_MODES: Final = {
    "long": capstone.CS_MODE_64,
    "compatibility": capstone.CS_MODE_32,
    "protected": capstone.CS_MODE_32,
    "real": capstone.CS_MODE_16,
}


def _families() -> dict[str, str]:
    """Every name of a part of a general register -> the 64-bit register."""
    found = {"eflags": "rflags", "flags": "rflags", "rip": "rip", "eip": "rip", "ip": "rip"}
    for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp"):
        found |= {part + name: f"r{name}" for part in ("r", "e", "")}
    for name in ("a", "b", "c", "d"):
        found |= {f"{name}l": f"r{name}x", f"{name}h": f"r{name}x"}
    found |= {f"{name}l": f"r{name}" for name in ("si", "di", "bp", "sp")}
    for number in range(8, 16):
        found |= {f"r{number}{part}": f"r{number}" for part in ("", "d", "w", "b")}
    return found


_FAMILY: Final = _families()


@dataclass(frozen=True, slots=True)
class MemoryOperand:
    """A place in memory that an instruction touches; `access` is r, w or rw."""

    base: str
    index: str
    scale: int
    displacement: int
    size: int
    access: str

    def address(self, register: Callable[[str], int], code: "Instruction") -> int:
        """The effective address with these register values, segment bases aside."""
        value = self.displacement
        if self.base == "rip":
            value += code.address + code.size
        elif self.base:
            value += register(self.base)
        if self.index:
            value += register(self.index) * self.scale
        return value & U64


@dataclass(frozen=True, slots=True)
class Instruction:
    """One decoded instruction at a linear address."""

    address: int
    size: int
    bytes: bytes
    mnemonic: str
    operands: str
    kind: Kind
    target: int | None
    """Where a direct call, jump or branch leads."""
    memory: tuple[MemoryOperand, ...]
    reads: frozenset[str]
    """64-bit registers (and rflags) whose value matters, by name."""
    writes: frozenset[str]
    repeats: bool
    """A REP prefix: the instruction retires once per round."""


@lru_cache(maxsize=len(_MODES))
def _decoder(mode: str) -> Any:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, _MODES[mode])
    decoder.detail = True
    return decoder


@lru_cache(maxsize=CACHE_INSTRUCTIONS)
def decode(code: bytes, address: int, mode: str) -> Instruction | None:
    """The instruction that `code` begins with; None if it is none or is cut off."""
    if code[:4] in _UNKNOWN:
        nothing: frozenset[str] = frozenset()
        name = _UNKNOWN[code[:4]]
        return Instruction(
            address, 4, code[:4], name, "", "other", None, (), nothing, nothing, False
        )
    found = next(_decoder(mode).disasm(code, address, 1), None)
    if found is None:
        return None
    kind = _kind(found)
    reads, writes = (_names(found, registers) for registers in found.regs_access())
    # Capstone tells most effects on the flags apart from those on registers.
    reads |= {"rflags"} if found.eflags & _FLAGS_READ else set()
    writes |= {"rflags"} if found.eflags & _FLAGS_WRITTEN else set()
    direct = kind in ("call", "jump", "branch") and found.operands
    immediate = direct and found.operands[0].type == x86_const.X86_OP_IMM
    return Instruction(
        address=address,
        size=found.size,
        bytes=bytes(found.bytes),
        mnemonic=found.mnemonic,
        operands=found.op_str,
        kind=kind,
        target=found.operands[0].imm & U64 if immediate else None,
        memory=(*_operands(found), *_stack(found, kind)),
        reads=reads,
        writes=writes,
        repeats=found.prefix[0] in (0xF2, 0xF3) and _is_string(found),
    )


def length(code: bytes, mode: str) -> int:
    """Bytes of the instruction that `code` begins with; 1 if it is none."""
    found = decode(code, 0, mode)
    return 1 if found is None else found.size


def _kind(found: Any) -> Kind:
    if found.group(capstone.CS_GRP_CALL):
        return "call"
    if found.group(capstone.CS_GRP_RET) or found.group(capstone.CS_GRP_IRET):
        return "ret"
    if found.group(capstone.CS_GRP_JUMP):
        return "jump" if found.id == x86_const.X86_INS_JMP else "branch"
    return "other"


def _is_string(found: Any) -> bool:
    name = found.mnemonic.rpartition(" ")[2]
    return any(name.startswith(stem) for stem in ("movs", "stos", "lods", "cmps", "scas")) or (
        name in ("insb", "insd", "insw", "outsb", "outsd", "outsw")
    )


def _names(found: Any, registers: list[int]) -> frozenset[str]:
    names = (found.reg_name(register) for register in registers)
    return frozenset(_FAMILY[name] for name in names if name in _FAMILY)


def _operands(found: Any) -> tuple[MemoryOperand, ...]:
    """Explicit memory operands; LEA and NOP only look as if they had one."""
    if found.id in (x86_const.X86_INS_LEA, x86_const.X86_INS_NOP):
        return ()
    rows = []
    for operand in found.operands:
        if operand.type != x86_const.X86_OP_MEM:
            continue
        access = ("r" if operand.access & capstone.CS_AC_READ else "") + (
            "w" if operand.access & capstone.CS_AC_WRITE else ""
        )
        base, index = (
            _FAMILY.get(found.reg_name(number) or "", "") if number else ""
            for number in (operand.mem.base, operand.mem.index)
        )
        place = operand.mem
        rows.append(
            MemoryOperand(base, index, place.scale, place.disp, operand.size, access or "rw")
        )
    return tuple(rows)


def _stack(found: Any, kind: Kind) -> tuple[MemoryOperand, ...]:
    """The stack slot of PUSH, POP, CALL and RET, which capstone leaves out."""
    if kind == "call" or found.id in (x86_const.X86_INS_PUSH, x86_const.X86_INS_PUSHFQ):
        return (MemoryOperand("rsp", "", 1, -8, 8, "w"),)
    if kind == "ret" or found.id in (x86_const.X86_INS_POP, x86_const.X86_INS_POPFQ):
        return (MemoryOperand("rsp", "", 1, 0, 8, "r"),)
    return ()
