"""DWARF expressions as call frame information has them (DWARF 5, 2.5 and 7.7.1).

Those that frames of real code use: constants, registers with offsets, arithmetic, comparison,
reads of memory. Anything else has no value here, and the frame is found in another way.
"""

from collections.abc import Callable
from typing import Final

from emu.hw.address import U64

REGISTERS: Final = (
    "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip",
)  # fmt: skip
"""By DWARF number (System V ABI, AMD64 supplement, figure 3.36); 16 is the return address."""
STEPS_MAX: Final = 1_000

KnownRegisters = dict[str, int]
"""Registers that are known, by name."""
Read = Callable[[int], int | None]
"""Eight bytes of the stack as a number; None where nothing is mapped."""


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


_CONSTANTS: Final = {
    0x08: (1, False), 0x09: (1, True), 0x0A: (2, False), 0x0B: (2, True), 0x0C: (4, False),
    0x0D: (4, True), 0x0E: (8, False), 0x0F: (8, True),
}  # fmt: skip
"""DW_OP_const1u ... const8s: bytes, and whether there is a sign."""
_BINARY: Final[dict[int, Callable[[int, int], int]]] = {
    0x1A: lambda a, b: a & b, 0x1C: lambda a, b: a - b, 0x1E: lambda a, b: a * b,
    0x21: lambda a, b: a | b, 0x22: lambda a, b: a + b, 0x24: lambda a, b: a << min(b, 64),
    0x25: lambda a, b: a >> min(b, 64), 0x27: lambda a, b: a ^ b,
    0x29: lambda a, b: a == b, 0x2A: lambda a, b: _signed(a) >= _signed(b),
    0x2B: lambda a, b: _signed(a) > _signed(b), 0x2C: lambda a, b: _signed(a) <= _signed(b),
    0x2D: lambda a, b: _signed(a) < _signed(b), 0x2E: lambda a, b: a != b,
}  # fmt: skip
"""DW_OP_and, minus, mul, or, plus, shl, shr, xor, eq, ge, gt, le, lt, ne."""
_UNARY: Final[dict[int, Callable[[int], int]]] = {
    0x1F: lambda a: -a, 0x20: lambda a: ~a,
}  # fmt: skip
"""DW_OP_neg, not."""
_LIT0, _BREG0 = 0x30, 0x70


def evaluate(
    code: bytes, values: KnownRegisters, read: Read, stack: tuple[int, ...]
) -> int | None:
    """What an expression leaves on top of the stack; None where it cannot be known."""
    machine = _StackMachine(code, values, read, list(stack))
    try:
        for _ in range(STEPS_MAX):
            if machine.at >= len(code):
                return machine.stack[-1] & U64
            machine.step()
    except (LookupError, ValueError):
        return None
    return None


class _StackMachine:
    """Runs one expression; LookupError and ValueError are the ways out."""

    def __init__(
        self, code: bytes, values: KnownRegisters, read: Read, stack: list[int]
    ) -> None:
        self._code, self._values, self._read = code, values, read
        self.stack, self.at = stack, 0

    def step(self) -> None:
        """One operation."""
        op, stack = self._byte(), self.stack
        if op in _CONSTANTS:
            size, signed = _CONSTANTS[op]
            data = bytes(self._byte() for _ in range(size))
            stack.append(int.from_bytes(data, "little", signed=signed) & U64)
        elif _LIT0 <= op < _LIT0 + 32:
            stack.append(op - _LIT0)
        elif _BREG0 <= op < _BREG0 + len(REGISTERS):
            stack.append(self._values[REGISTERS[op - _BREG0]] + self._leb(True) & U64)
        elif op in _BINARY:
            second, first = stack.pop(), stack.pop()
            stack.append(int(_BINARY[op](first, second)) & U64)
        elif op in _UNARY:
            stack.append(_UNARY[op](stack.pop()) & U64)
        else:
            self._other(op)

    def _other(self, op: int) -> None:
        stack = self.stack
        match op:
            case 0x10 | 0x11:  # DW_OP_constu, consts
                stack.append(self._leb(op == 0x11) & U64)
            case 0x06:  # DW_OP_deref
                found = self._read(stack.pop())
                if found is None:
                    raise ValueError("not mapped")
                stack.append(found)
            case 0x12:  # DW_OP_dup
                stack.append(stack[-1])
            case 0x13:  # DW_OP_drop
                stack.pop()
            case 0x16:  # DW_OP_swap
                stack[-1], stack[-2] = stack[-2], stack[-1]
            case 0x23:  # DW_OP_plus_uconst
                stack.append(stack.pop() + self._leb(False) & U64)
            case 0x96:  # DW_OP_nop
                pass
            case _:
                raise ValueError(f"operation {op:#x}")

    def _byte(self) -> int:
        self.at += 1
        return self._code[self.at - 1]

    def _leb(self, signed: bool) -> int:
        """A LEB128 number (DWARF 5, 7.6)."""
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        return value - (1 << shift) if signed and byte & 0x40 else value
