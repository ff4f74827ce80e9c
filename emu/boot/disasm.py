"""One instruction from its bytes: text for people, operands and registers for the debugger.

The only home of capstone. What capstone 5 does not know, TDCALL and its kin, has a table here.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal

import capstone
from capstone import x86_const
from msgspec import Struct

from emu.boot.far_pointer import FAR_POINTERS, POINTER_WORDS, far_pointer
from emu.hw.address import U64

FlowKind = Literal["call", "ret", "jump", "branch", "other"]


def _flag_bits(flag: str, *kinds: str) -> int:
    """Capstone's flag-effect bits of some kinds, for one flag or ("") for all."""
    names = (name.split("_") for name in dir(x86_const) if name.startswith("X86_EFLAGS_"))
    chosen = (name for name in names if name[2] in kinds and flag in ("", name[3]))
    return sum(getattr(x86_const, "_".join(name)) for name in chosen)


_CHANGES: Final = ("MODIFY", "SET", "RESET", "UNDEFINED")
_FLAGS_WRITTEN: Final = _flag_bits("", *_CHANGES)
_FLAGS_READ: Final = _flag_bits("", "TEST", "PRIOR")
_EACH_FLAG: Final = tuple(
    _flag_bits(flag, *_CHANGES) for flag in ("CF", "PF", "AF", "ZF", "SF", "OF")
)

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
    found = dict.fromkeys(("rflags", "eflags", "flags"), "rflags")
    found |= dict.fromkeys(("rip", "eip", "ip"), "rip")
    for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp"):
        found |= {part + name: f"r{name}" for part in ("r", "e", "")}
    for name in ("a", "b", "c", "d"):
        found |= {f"{name}l": f"r{name}x", f"{name}h": f"r{name}x"}
    found |= {f"{name}l": f"r{name}" for name in ("si", "di", "bp", "sp")}
    for number in range(8, 16):
        found |= {f"r{number}{part}": f"r{number}" for part in ("", "d", "w", "b")}
    return found


_FAMILY: Final = _families()
_NARROW: Final = frozenset(
    name for name in _FAMILY if name[-1] in "lhbw" or (len(name) == 2 and name[0] != "r")
)
"""Writing one of these leaves the rest of its 64-bit register as it was."""
_EVERY: Final = frozenset(_FAMILY.values()) - {"rip"}
_CALLS_OUT: Final = ("vmcall", "vmmcall", "iret", "sys", "rsm", "int")
"""Stems of instructions that hand the registers to somebody else."""
_KEEPS: Final = ("cmov", "bsf", "bsr")
"""Stems of those that may leave their destination as it was."""
_KEEPS_FLAGS: Final = frozenset(("bsf", "bsr", "bt", "btc", "btr", "bts", "div", "idiv"))
"""Those of which capstone has flags undefined that the emulator leaves as they were."""
_SHIFTS: Final = frozenset(("sal", "sar", "shl", "shld", "shr", "shrd"))
_NO_ACCESS: Final = ("lea", "nop", "invlpg", "prefetch", "clflush", "clwb", "cldemote")
"""Stems of those whose memory operand is only an address."""
_LEFT_OUT: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "cmpxchg": ((), ("rax",)),
    "pushf": (("rflags",), ()),
    "pushfd": (("rflags",), ()),
    "pushfq": (("rflags",), ()),
    "test": ((), ("rflags",)),
}
"""Mnemonic -> registers that capstone's own lists of (read, written) lack."""
_ACCESS: Final = {
    **dict.fromkeys(("cmpxchg", "cmpxchg8b", "cmpxchg16b", "rcl", "rcr", "rol", "ror"), "rw"),
    **dict.fromkeys(("cmpsb", "cmpsw", "cmpsd", "cmpsq", "test"), "r"),
    **dict.fromkeys(("movnti", "stmxcsr"), "w"),
}
"""Mnemonic -> what it does to its memory operand, where capstone is wrong."""
_INEXACT: Final = (
    *_CALLS_OUT, "enter", "fx", "lcall", "ljmp", "maskmov", "popa", "pusha", "retf",
    "vgather", "vpgather", "vpscatter", "vscatter", "xlat", "xrstor", "xsave",
)  # fmt: skip
"""Stems of those that touch more than their operands tell."""
_STRINGS: Final = frozenset((*range(0x6C, 0x70), *range(0xA4, 0xA8), *range(0xAA, 0xB0)))
_BIT_STRING: Final = frozenset(("bt", "btc", "btr", "bts"))
"""With memory and a register these reach beyond their operand."""
_STACK: Final = {
    **dict.fromkeys(("push", "pushf", "pushfd", "pushfq", "call", "enter"), ("rsp", 1, "w")),
    **dict.fromkeys(("pop", "popf", "popfd", "popfq", "ret"), ("rsp", 1, "r")),
    **dict.fromkeys(("iret", "iretd", "iretq"), ("rsp", 5, "r")),
    "lcall": ("rsp", 2, "w"),
    "retf": ("rsp", 2, "r"),
    "retfq": ("rsp", 2, "r"),
    "leave": ("rbp", 1, "r"),
}
"""Mnemonic -> stack register, slots, access."""


class MemoryOperand(Struct, frozen=True):
    """A place in memory that an instruction touches; `access` is r, w or rw."""

    base: str
    index: str
    scale: int
    displacement: int
    size: int
    access: str
    segment: str = ""
    """fs or gs where that is the segment: its base is not part of `address`."""
    address_bytes: int = 8

    def address(self, register: Callable[[str], int], code: "Instruction") -> int:
        """The effective address with these register values, segment bases aside."""
        value = self.displacement
        if self.base == "rip":
            value += code.address + code.size
        elif self.base:
            value += register(self.base)
        if self.index:
            value += register(self.index) * self.scale
        return value & (1 << 8 * self.address_bytes) - 1


class Instruction(Struct, frozen=True):
    """One decoded instruction at a linear address."""

    address: int
    size: int
    bytes: bytes
    mnemonic: str
    operands: str
    kind: FlowKind
    target: int | None
    """Where a direct call, jump or branch leads."""
    memory: tuple[MemoryOperand, ...]
    reads: frozenset[str]
    """64-bit registers (and rflags) that something it writes depends on, by name."""
    writes: frozenset[str]
    """Those that it may change. One that is not in `reads` too is set in full."""
    repeats: bool
    """A REP prefix: the instruction retires once per round."""
    exact: bool
    """Whether `memory`, `reads` and `writes` are all that it touches of memory, general
    registers and flags, and no segment base but 0 is needed to say where."""
    compares: int = 0
    """Bytes of two registers that a CMP compares from their lowest on; 0: it is none."""


@lru_cache(maxsize=len(_MODES))
def _decoder(mode: str) -> Any:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, _MODES[mode])
    decoder.detail = True
    return decoder


@lru_cache(maxsize=CACHE_INSTRUCTIONS)
def decode(code: bytes, address: int, mode: str) -> Instruction | None:
    """The instruction that `code` begins with; None if it is none or is cut off."""
    if code[:4] in _UNKNOWN:
        name = _UNKNOWN[code[:4]]
        return Instruction(
            address, 4, code[:4], name, "", "other", None, (), _EVERY, _EVERY, False, False
        )
    found = next(_decoder(mode).disasm(code, address, 1), None)
    if found is None:
        return None
    name = found.mnemonic.rpartition(" ")[2]  # without REP or LOCK
    mnemonic, operands = found.mnemonic, found.op_str
    pointer = far_pointer(found.opcode[0], found.modrm, found.rex, found.prefix[2], mode)
    if pointer:  # capstone calls them `jmp ptr` and `ljmp` by turns, and has no size
        name = mnemonic = FAR_POINTERS[found.modrm >> 3 & 7]
        operands = f"{POINTER_WORDS[pointer]} ptr {operands[operands.index('[') :]}"
    kind = _kind(found)
    reads, writes = _effects(found, name)
    direct = kind in ("call", "jump", "branch") and found.operands
    immediate = direct and found.operands[0].type == x86_const.X86_OP_IMM
    return Instruction(
        address=address,
        size=found.size,
        bytes=bytes(found.bytes),
        mnemonic=mnemonic,
        operands=operands,
        kind=kind,
        target=found.operands[0].imm & U64 if immediate else None,
        memory=(*_operands(found, name, pointer), *_stack(found, name, mode)),
        reads=reads,
        writes=writes,
        repeats=_repeats(found),
        exact=_is_exact(found, name),
        compares=_compares(found, name),
    )


def length(code: bytes, mode: str) -> int:
    """Bytes of the instruction that `code` begins with; 1 if it is none."""
    found = decode(code, 0, mode)
    return 1 if found is None else found.size


def _kind(found: Any) -> FlowKind:
    if found.group(capstone.CS_GRP_CALL):
        return "call"
    if found.group(capstone.CS_GRP_RET) or found.group(capstone.CS_GRP_IRET):
        return "ret"
    if found.group(capstone.CS_GRP_JUMP) or found.group(capstone.CS_GRP_BRANCH_RELATIVE):
        return "jump" if found.id == x86_const.X86_INS_JMP else "branch"
    return "other"


def _is_string(found: Any) -> bool:
    """INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS by opcode: SSE has a MOVSD of its own."""
    return found.opcode[0] in _STRINGS


def _repeats(found: Any) -> bool:
    """Whether there is a REP or REPNE prefix, also where capstone drops the latter."""
    return _is_string(found) and any(
        prefix in (0xF2, 0xF3) for prefix in found.bytes[: found.size - 1]
    )


def _compares(found: Any, name: str) -> int:
    """How wide a CMP of two registers is; AH and its kin are not their lowest byte."""
    sides = found.operands
    if name != "cmp" or any(side.type != x86_const.X86_OP_REG for side in sides):
        return 0
    high = any(found.reg_name(side.reg).endswith("h") for side in sides)
    return 0 if high else int(sides[0].size)


def _is_exact(found: Any, name: str) -> bool:
    places = [o for o in found.operands if o.type == x86_const.X86_OP_MEM]
    if any(_segment(found, place) for place in places):
        return False
    if name in _BIT_STRING and places:
        return bool(found.operands[1].type == x86_const.X86_OP_IMM)
    return not name.startswith(_INEXACT)


def _segment(found: Any, operand: Any) -> str:
    """fs or gs, the only ones with a base in long mode."""
    name = found.reg_name(operand.mem.segment) if operand.mem.segment else ""
    return name if name in ("fs", "gs") else ""


def _effects(found: Any, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """(reads, writes) by 64-bit names, with what capstone leaves out."""
    if name.startswith(_CALLS_OUT):
        return _EVERY, _EVERY
    read, written = (
        {found.reg_name(register) for register in registers}
        for registers in found.regs_access()
    )
    read |= {found.reg_name(o.reg) for o in found.operands if _is_read(o, name)}
    read |= written & _NARROW
    if name.startswith(_KEEPS) or _repeats(found):
        read |= written
    extra_read, extra_written = _LEFT_OUT.get(name, ((), ()))
    read |= {*extra_read}
    written |= {*extra_written}
    if _repeats(found):
        read.add("rcx")
        written.add("rcx")
    if found.eflags & _FLAGS_WRITTEN:  # apart from the registers
        written.add("rflags")
    if "rflags" in written and _leaves_flags(found, name):
        read.add("rflags")
    if found.eflags & _FLAGS_READ or _is_string(found):
        read.add("rflags")
    reads, writes = (
        frozenset(_FAMILY[part] for part in parts if part in _FAMILY)
        for parts in (read, written)
    )
    return reads, writes


def _is_read(operand: Any, name: str) -> bool:
    """Registers of which capstone does not say, or wrongly, what becomes of them."""
    return operand.type == x86_const.X86_OP_REG and (not operand.access or name == "cmpxchg")


def _leaves_flags(found: Any, name: str) -> bool:
    """Whether some arithmetic flag may stay as it was."""
    if name == "test":
        return False
    if name in _KEEPS_FLAGS or not all(found.eflags & flag for flag in _EACH_FLAG):
        return True
    if name not in _SHIFTS:
        return False
    count = found.operands[-1]  # a shift by nothing changes nothing
    counted = 0x3F if found.operands[0].size == 8 else 0x1F
    return bool(count.type != x86_const.X86_OP_IMM or count.imm & counted == 0)


def _operands(found: Any, name: str, pointer: int) -> tuple[MemoryOperand, ...]:
    """Explicit memory operands."""
    if name.startswith(_NO_ACCESS):
        return ()
    rows = []
    for operand in found.operands:
        if operand.type != x86_const.X86_OP_MEM:
            continue
        place = operand.mem
        base, index = (
            found.reg_name(number) if number else "" for number in (place.base, place.index)
        )
        rows.append(
            MemoryOperand(
                _FAMILY.get(base, ""), _FAMILY.get(index, ""), place.scale, place.disp,
                pointer or operand.size, "r" if pointer else _access(operand, name),
                _segment(found, operand), found.addr_size,
            )
        )  # fmt: skip
    return tuple(rows)


def _access(operand: Any, name: str) -> str:
    """Both where nobody says."""
    if name.startswith("set"):
        return "w"
    reads = "r" if operand.access & capstone.CS_AC_READ else ""
    writes = "w" if operand.access & capstone.CS_AC_WRITE else ""
    return _ACCESS.get(name) or reads + writes or "rw"


def _stack(found: Any, name: str, mode: str) -> tuple[MemoryOperand, ...]:
    """The stack slots of PUSH, POP, CALL and RET, which capstone leaves out."""
    wide = {"long": 8, "real": 2}.get(mode, 4)
    narrow = found.prefix[2] == 0x66 and name.startswith(("push", "pop"))
    size = {8: 2, 4: 2, 2: 4}[wide] if narrow else wide
    if name not in _STACK:
        return ()
    register, slots, access = _STACK[name]
    below = -size * slots if access == "w" else 0
    return (MemoryOperand(register, "", 1, below, size * slots, access, "", wide),)


def immediate(text: str) -> int:
    """A constant as the disassembler writes it: decimal or 0x-hex."""
    return int(text, 0)


def family(name: str) -> str:
    """The 64-bit register that a register's name is a part of; empty for any other text."""
    return _FAMILY.get(name, "")


def part_bits(name: str) -> tuple[int, int]:
    """(first bit, bits) of the 64-bit register's part that a register's name stands for."""
    if name.endswith("h"):
        return 8, 8
    if name.endswith(("l", "b")):
        return 0, 8
    if name.startswith("r") and not name.endswith(("d", "w")):
        return 0, 64
    return 0, 32 if name.startswith(("e", "r")) and not name.endswith("w") else 16


def part(name: str, register: Callable[[str], int]) -> int:
    """The value of a register, or of the part of one that a name stands for."""
    first, bits = part_bits(name)
    return register(_FAMILY[name]) >> first & (1 << bits) - 1


_CF, _PF, _ZF, _SF, _OF = 0, 2, 6, 7, 11
_CONDITIONS: Final[dict[str, Callable[[Callable[[int], bool]], bool]]] = {
    "o": lambda f: f(_OF), "b": lambda f: f(_CF), "e": lambda f: f(_ZF),
    "be": lambda f: f(_CF) or f(_ZF), "s": lambda f: f(_SF), "p": lambda f: f(_PF),
    "l": lambda f: f(_SF) != f(_OF), "le": lambda f: f(_ZF) or f(_SF) != f(_OF),
}  # fmt: skip
_OPPOSITES: Final = {"no": "o", "ae": "b", "ne": "e", "a": "be", "ns": "s", "np": "p",
                     "ge": "l", "g": "le"}  # fmt: skip


def taken(mnemonic: str, rflags: int, rcx: int) -> bool | None:
    """Whether a conditional branch will be taken with these flags (SDM 2, Jcc); None for
    LOOP and its kin, which also count."""
    condition = mnemonic[1:]
    if condition in ("rcxz", "ecxz", "cxz"):
        return rcx & {"r": (1 << 64) - 1, "e": 0xFFFFFFFF, "c": 0xFFFF}[condition[0]] == 0
    test = _CONDITIONS.get(_OPPOSITES.get(condition, condition))
    if not mnemonic.startswith("j") or test is None:
        return None
    return test(lambda bit: bool(rflags >> bit & 1)) != (condition in _OPPOSITES)
