"""What one instruction does to a function's frame, without running it.

A function's state is told in terms of its entry. A register holds an address in the frame (a
number: that many bytes from the CFA), or what another register held at the entry (its name),
or nothing that is known. Slots of the stack hold what registers held at the entry. `rip` is the
register whose value at the entry is the return address.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.boot.disasm import Instruction, family, immediate, part_bits
from emu.hw.context import GENERAL

OWN_STACK: Final = "a stack of its own"
"""What RSP holds once it was loaded with something that is not of this frame."""
CLOBBERED: Final = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
"""What a callee need not keep (System V ABI, AMD64 supplement, 3.2.1)."""
Held = int | str

_WORD: Final = 8
_LONG_MASK: Final = (1 << 64) - 1


class FrameState(Struct, frozen=True):
    """What is known right before an instruction."""

    registers: dict[str, Held]
    slots: dict[int, str]
    """Bytes from the CFA -> the register whose value at the entry lies there."""

    @property
    def rsp(self) -> Held | None:
        """Where the stack pointer is."""
        return self.registers.get("rsp")

    def meet(self, other: "FrameState") -> "FrameState":
        """What holds on either of two ways to a place."""
        same = {
            name: held for name, held in self.registers.items()
            if other.registers.get(name) == held
        }  # fmt: skip
        slots = {at: name for at, name in self.slots.items() if other.slots.get(at) == name}
        return FrameState(same, slots)


def _unchanged() -> dict[str, Held]:
    return {name: name for name in GENERAL}


CALLED: Final = FrameState(_unchanged() | {"rsp": -_WORD}, {-_WORD: "rip"})
"""At the entry of a function."""
INTERRUPTED: Final = FrameState(_unchanged() | {"rsp": -_WORD}, {-_WORD: "rip", 16: "rsp"})
"""At the entry of a handler without an error code: RIP, CS, RFLAGS, RSP, SS lie there from the
RSP on (SDM 3, figure 6-9). Its CFA is the address of CS."""
INTERRUPTED_WITH_CODE: Final = FrameState(
    INTERRUPTED.registers | {"rsp": -2 * _WORD}, INTERRUPTED.slots
)


def after(state: FrameState, code: Instruction) -> FrameState:
    """The state behind an instruction, on the way that goes on behind it."""
    name = code.mnemonic.rpartition(" ")[2]
    registers, slots = dict(state.registers), dict(state.slots)
    operands = [part.strip() for part in code.operands.split(",")]
    if code.kind == "call":
        return FrameState(
            {one: held for one, held in registers.items() if one not in CLOBBERED},
            kept_slots(state),
        )
    if name.startswith(("push", "pop")):
        return _pushed(state, code, name, operands[0])
    held = _written(registers, name, operands)
    if name == "leave":
        base = registers.get("rbp")
        registers["rsp"] = base + _WORD if isinstance(base, int) else OWN_STACK
        _put(registers, "rbp", slots.get(base) if isinstance(base, int) else None)
        return FrameState(registers, slots)
    for written in code.writes - {"rflags", "rip"}:
        if written == "rsp" and written != family(operands[0]) and name != "enter":
            continue  # TDCALL and its kin: whoever is asked gives the stack back
        _put(registers, written, held if written == family(operands[0]) else None)
    return FrameState(registers, slots)


def kept_slots(state: FrameState) -> dict[int, str]:
    """What a CALL leaves on the stack: it and its callee may write to all that lies below."""
    rsp = state.rsp
    if not isinstance(rsp, int):
        return state.slots
    return {at: name for at, name in state.slots.items() if at >= rsp}


def _pushed(state: FrameState, code: Instruction, name: str, operand: str) -> FrameState:
    """PUSH and POP of 8 bytes; other sizes are no frames of long mode."""
    registers, slots = dict(state.registers), dict(state.slots)
    rsp = registers.get("rsp")
    size = next((one.size for one in code.memory if one.base == "rsp"), _WORD)
    register = family(operand)
    push = name.startswith("push")
    if not isinstance(rsp, int):
        if not push and register:
            registers.pop(register, None)
        return FrameState(registers, slots)
    if push:
        registers["rsp"] = rsp - size
        slots = {at: one for at, one in slots.items() if not rsp - size <= at < rsp}
        held = registers.get(register) if register and size == _WORD else None
        if isinstance(held, str) and held != OWN_STACK:
            slots[rsp - size] = held
        return FrameState(registers, slots)
    registers["rsp"] = rsp + size
    if register:
        _put(registers, register, slots.get(rsp) if size == _WORD else None)
    return FrameState(registers, slots)


def _put(registers: dict[str, Held], name: str, held: Held | None) -> None:
    if held is None:
        registers.pop(name, None)
    else:
        registers[name] = held


def _written(registers: dict[str, Held], name: str, operands: list[str]) -> Held | None:
    """What the first operand holds behind MOV, LEA, ADD, SUB or AND, as far as it is known."""
    target = family(operands[0])
    if not target or len(operands) != 2 or part_bits(operands[0]) != (0, 64):
        return OWN_STACK if target == "rsp" else None
    source = operands[1]
    if name == "lea":
        return _place(registers, source, target)
    if name == "mov":
        held = registers.get(family(source)) if _is_whole(source) else None
        own = target == "rsp" and not isinstance(held, int)
        return OWN_STACK if own else held
    if name in _ARITHMETIC:
        number, held = _number(source), registers.get(target)
        if number is None or not isinstance(held, int):
            return OWN_STACK if held == OWN_STACK else None
        return _ARITHMETIC[name](held, number)
    return OWN_STACK if target == "rsp" else None


def _is_whole(operand: str) -> bool:
    """Whether an operand is a whole 64-bit register."""
    return bool(family(operand)) and part_bits(operand) == (0, 64)


def _aligned(held: int, mask: int) -> int | None:
    """The CFA is a multiple of 16 (System V ABI, 3.2.2), as is that of an interrupt in 64-bit
    mode (SDM 3, 6.14.2); by more nobody knows where the stack is aligned to."""
    return held & mask if mask & _LONG_MASK == _LONG_MASK & -16 else None


_ARITHMETIC: Final[dict[str, Callable[[int, int], int | None]]] = {
    "add": lambda held, number: held + number,
    "sub": lambda held, number: held - number,
    "and": _aligned,
}


def _number(text: str) -> int | None:
    try:
        value = immediate(text)
    except ValueError:
        return None
    return value - (1 << 64) if value >> 63 else value


def _place(registers: dict[str, Held], text: str, target: str) -> Held | None:
    """What LEA computes from one register and a number; one that is of another place makes a
    new stack of RSP."""
    inside = text.strip("[]").replace(" - ", " + -").split(" + ")
    base = registers.get(family(inside[0]))
    number = _number(inside[1]) if len(inside) == 2 else 0 if len(inside) == 1 else None
    if isinstance(base, int) and number is not None:
        return base + number
    return OWN_STACK if target == "rsp" and family(inside[0]) in ("", "rip") else None
