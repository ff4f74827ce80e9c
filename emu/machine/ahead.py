"""What follows an instruction so surely that both can be looked at before either has run."""

from functools import lru_cache
from typing import Final

from emu.boot import disasm
from emu.boot.disasm import Instruction

BYTES: Final = 64
"""Of code that are looked through at once."""
_INSTRUCTION_BYTES: Final = 15
_PLAIN: Final = frozenset((
    "adc", "add", "and", "bswap", "cmp", "dec", "endbr64", "imul", "inc", "lea", "mov",
    "movabs", "movsx", "movsxd", "movzx", "neg", "nop", "not", "or", "sar", "sbb", "shl", "shr",
    "sub", "test", "xor",
))  # fmt: skip
"""Mnemonics of those that change general registers and flags only, if they store nothing: no
mode, no table, no interrupt flag."""
_CACHE: Final = 16_384


@lru_cache(maxsize=_CACHE)
def straight(code: bytes, address: int, mode: str) -> tuple[Instruction, ...]:
    """The instruction that `code` begins with, and those behind it that are certain to follow
    with the same memory and, where they touch it, the same addresses as now. Empty if the first
    cannot be decoded; only the first may be one that is not exact, or that repeats."""
    found: list[Instruction] = []
    written: set[str] = set()
    place = 0
    while place < len(code):
        one = disasm.decode(code[place : place + _INSTRUCTION_BYTES], address + place, mode)
        if one is None or (found and not _is_fixed(one, written)):
            break
        found.append(one)
        if not _is_plain(one):
            break
        written |= one.writes
        place += one.size
    return tuple(found)


def _is_fixed(code: Instruction, written: set[str]) -> bool:
    """Whether it is known where it touches memory, when these registers may have changed."""
    if code.repeats or not code.exact:
        return False
    return not any(one.base in written or one.index in written for one in code.memory)


def _is_plain(code: Instruction) -> bool:
    """Whether nothing but its registers and the next instruction comes of it."""
    if code.mnemonic not in _PLAIN or any("w" in one.access for one in code.memory):
        return False
    # A MOV that sets no general register sets one that changes what code means.
    to_other = code.mnemonic == "mov" and not code.writes - {"rflags"}
    return code.exact and not code.repeats and not to_other
