"""A caller's frame by what lies on the stack: a chain of frame pointers, or a guess."""

from collections.abc import Iterator
from typing import Final

from emu.hw.address import U64
from emu.unwind.eyes import Call, Eyes
from emu.unwind.step import CallerFrame, Standing

FRAME_BYTES_MAX: Final = 1 << 16
"""A frame pointer that lies further from the stack pointer is none."""
SCANNED_WORDS: Final = 128
"""So far from the stack pointer a return address is looked for."""
_WORD: Final = 8


def by_pointer(standing: Standing, eyes: Eyes) -> CallerFrame | None:
    """RBP points at the caller's RBP, above which the return address lies (System V ABI, AMD64
    supplement, figure 3.3)."""
    base = standing.values.get("rbp", 0)
    if base % _WORD or not standing.rsp <= base < standing.rsp + FRAME_BYTES_MAX:
        return None
    before, address = eyes.word(base), eyes.word(base + _WORD & U64)
    if before is None or address is None or (before and before <= base):
        return None
    if eyes.call_before(address) is None or eyes.placed(address - 1) is None:
        return None
    cfa = base + 2 * _WORD
    values = {"rsp": cfa, "rbp": before}
    return CallerFrame(
        "frame pointer", "call", cfa, base + _WORD, Standing(address, False, values)
    )


def by_guess(standing: Standing, first: int | None, eyes: Eyes) -> CallerFrame | None:
    """The nearest word on the stack that a CALL in an image's code can have pushed. `first`:
    where the function begins; a direct call of another one counts only if there is no better,
    since that one may have jumped here."""
    second: int | None = None
    for slot, call in _candidates(standing.rsp, eyes):
        if first in (None, call.target) or call.target is None:
            return _guessed(slot, eyes)
        second = slot if second is None else second
    return None if second is None else _guessed(second, eyes)


def _candidates(rsp: int, eyes: Eyes) -> Iterator[tuple[int, Call]]:
    """Words on the stack that a CALL may have pushed, the nearest first."""
    if rsp % _WORD:
        return
    for slot in range(rsp, rsp + SCANNED_WORDS * _WORD, _WORD):
        address = eyes.word(slot & U64)
        if address is None:
            return
        if eyes.image(address - 1 & U64) is not None:
            call = eyes.call_before(address)
            if call is not None:
                yield slot & U64, call


def _guessed(slot: int, eyes: Eyes) -> CallerFrame:
    address = eyes.word(slot)
    assert address is not None, "a candidate was read"
    values = {"rsp": slot + _WORD & U64}
    return CallerFrame("guess", "call", values["rsp"], slot, Standing(address, False, values))
