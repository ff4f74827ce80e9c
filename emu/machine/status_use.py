"""Whether code looks at a status that a call has left in a register, before it is overwritten.

The code behind the call is followed on all its ways, at most some hundred instructions far.
What is made of the status is a status too. It is looked at if a branch depends on it, or if it
goes to memory, where anybody may look at it later. Wherever that cannot be told it counts as
looked at.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from emu.boot.disasm import Instruction, immediate

STEPS_MAX: Final = 160
_IMMEDIATE: Final = re.compile(r"^rsp, (0x[0-9a-f]+|\d+)$")
_SAME: Final = re.compile(r"^(\w+), \1$")
_CLEARS: Final = ("xor", "sub", "pxor")
_CLOBBERED: Final = frozenset(
    ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "rflags")
)
"""What a called function may change (System V ABI, x86-64, 3.2.1)."""
_ARGUMENTS: Final = frozenset(("rdi", "rsi", "rdx", "rcx", "r8", "r9"))
_ENDS: Final = ("hlt", "ud2", "int3")


class _Way(NamedTuple):
    """Where one way through the code has come to."""

    at: int
    held: frozenset[str]
    """Registers that hold the status, or something that was made of it."""
    stack: int | None
    """RSP, seen from where it was at the call; None once it is not known."""
    calls: tuple[int, ...] = ()
    """Return addresses of calls that were followed."""


def is_ignored(
    decode: Callable[[int], Instruction | None],
    word: Callable[[int], int | None],
    at: int,
    register: str,
) -> bool:
    """Whether, from the instruction at `at` on, every way overwrites a register without a look
    at it. `word` reads 8 bytes of the stack, so far above RSP."""
    waiting, known = [_Way(at, frozenset((register,)), 0)], set[_Way]()
    while waiting:
        way = waiting.pop()
        if way in known or not way.held:
            continue
        known.add(way)
        code = decode(way.at)
        if code is None or len(known) > STEPS_MAX:
            return False
        after = _behind(code, way, word)
        if after is None:
            return False
        waiting += after
    return True


def _behind(
    code: Instruction, way: _Way, word: Callable[[int], int | None]
) -> list[_Way] | None:
    """The ways on behind an instruction; None if it looks at the status, or may."""
    if _looks(code, way.held):
        return None
    if code.mnemonic.startswith(_ENDS):
        return []
    stack = _stack(code, way.stack)
    way = way._replace(held=_held(code, way.held), stack=stack)
    following = code.address + code.size
    match code.kind:
        case "call" if code.target is not None:
            below = None if stack is None else stack - 8
            return [_Way(code.target, way.held, below, (*way.calls, following))]
        case "call":
            return [way._replace(at=following, held=way.held - _CLOBBERED)]
        case "ret":
            return _returned(way, word)
        case "jump" if code.target is None:
            return None
        case "jump":
            return [way._replace(at=code.target or 0)]
        case "branch":
            return [way._replace(at=code.target or 0), way._replace(at=following)]
        case _:
            return [way._replace(at=following)]


def _returned(way: _Way, word: Callable[[int], int | None]) -> list[_Way] | None:
    """Behind a RET: to a call that was followed, or to whom the stack says."""
    above = None if way.stack is None else way.stack + 8
    if way.calls:
        return [way._replace(at=way.calls[-1], calls=way.calls[:-1], stack=above)]
    back = None if way.stack is None else word(way.stack)
    return None if back is None else [way._replace(at=back, stack=above)]


def _looks(code: Instruction, held: frozenset[str]) -> bool:
    """Whether an instruction decides something by the status, or gives it away."""
    if code.kind == "branch":
        return "rflags" in held or (not code.mnemonic.startswith("j") and "rcx" in held)
    if code.kind == "call" and code.target is None:
        return bool(held & _ARGUMENTS)
    for place in code.memory:
        if place.base in held or place.index in held:
            return True
        if "w" in place.access and code.kind == "other" and code.reads & held:
            return True
    return not code.exact and not code.mnemonic.startswith(_ENDS) and bool(held - {"rflags"})


def _held(code: Instruction, held: frozenset[str]) -> frozenset[str]:
    """What holds the status behind an instruction."""
    clears = code.mnemonic in _CLEARS and _SAME.match(code.operands)
    if not clears and code.kind == "other" and code.reads & held:
        return held | (code.writes - {"rsp"})
    return held - code.writes


def _stack(code: Instruction, stack: int | None) -> int | None:
    """RSP behind an instruction, without what calls and returns do."""
    if stack is None or "rsp" not in code.writes or code.kind in ("call", "ret"):
        return stack
    moved = _IMMEDIATE.match(code.operands)
    if moved and code.mnemonic in ("add", "sub"):
        sign = 1 if code.mnemonic == "add" else -1
        return stack + sign * immediate(moved[1])
    if code.mnemonic.startswith(("push", "pop")) and not code.operands.startswith("rsp"):
        size = code.memory[-1].size
        return stack + (size if code.mnemonic.startswith("pop") else -size)
    return None
