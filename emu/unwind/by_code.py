"""A caller's frame by the code of the function: what its instructions did to the stack."""

from typing import Final

from emu.hw.address import U64, canonical
from emu.unwind.expression import KnownRegisters
from emu.unwind.eyes import Eyes
from emu.unwind.frame import EnteredBy, SavedRegister
from emu.unwind.graph import FrameGraph
from emu.unwind.reading import CLOBBERED, OWN_STACK, FrameState, kept_slots
from emu.unwind.step import CallerFrame, NoCaller, Standing

_FLAGS_ALWAYS: Final = 1 << 1
_FLAGS_NEVER: Final = ~((1 << 22) - 1) | 1 << 3 | 1 << 5 | 1 << 15
"""Bits of RFLAGS that are always set, and always clear (SDM 1, 3.4.3)."""
_CS, _RFLAGS, _RSP, _SS = 0, 8, 16, 24
"""Bytes from the CFA of an interrupt's frame."""


def state_at(graph: FrameGraph, standing: Standing) -> FrameState | None:
    """What the frame looks like where a function stands: before its next instruction, or, if
    that is behind a CALL, before the CALL, which gives the stack back as it was."""
    at = standing.address if standing.exact else graph.behind.get(standing.address)
    state = None if at is None else graph.states.get(at)
    if state is None or standing.exact:
        return state
    return FrameState(state.registers, kept_slots(state))


def by_code(state: FrameState, standing: Standing, eyes: Eyes) -> CallerFrame | NoCaller | None:
    """The caller of a function; None where its frame is not known or holds no return
    address."""
    cfa = _cfa(state, standing.values)
    if cfa is None:
        own = state.rsp == OWN_STACK
        return NoCaller("the outermost frame: it took a stack of its own") if own else None
    address, slot = _held("rip", state, standing.values, cfa, eyes)
    if address is None or eyes.call_before(address) is None:
        return None
    values, saved = _registers(state, standing.values, cfa, eyes)
    values["rsp"] = cfa
    saved = tuple(one for one in saved if one.name not in CLOBBERED)  # pushed for its room
    return CallerFrame("code", "call", cfa, slot, Standing(address, False, values), saved)


def by_handler(state: FrameState, standing: Standing, eyes: Eyes) -> CallerFrame | None:
    """What a handler has interrupted; None where the stack holds no such frame, or no RIP in
    it any more."""
    cfa = _cfa(state, standing.values)
    if cfa is None or not _is_interrupt(cfa, eyes):
        return None
    address, slot = _held("rip", state, standing.values, cfa, eyes)
    rsp = eyes.word(cfa + _RSP & U64)
    if address is None or rsp is None or not canonical(address):
        return None
    values, saved = _registers(state, standing.values, cfa, eyes)
    values["rsp"] = rsp
    entry: EnteredBy = "interrupt"
    return CallerFrame("code", entry, cfa, slot, Standing(address, True, values), saved)


def _is_interrupt(cfa: int, eyes: Eyes) -> bool:
    """Whether CS, RFLAGS, RSP and SS can be what a CPU has pushed (SDM 3, figure 6-9)."""
    code, flags, rsp, stack = (
        eyes.word(cfa + at & U64) for at in (_CS, _RFLAGS, _RSP, _SS)
    )  # fmt: skip
    if code is None or flags is None or rsp is None or stack is None:
        return False
    now = eyes.context.segment("cs").selector
    good = flags & _FLAGS_ALWAYS and not flags & _FLAGS_NEVER and canonical(rsp)
    return bool(good and code | 3 == now | 3 and stack <= 0xFFFF)


def _cfa(state: FrameState, values: KnownRegisters) -> int | None:
    """By RSP, else by RBP, else by another register that points into the frame."""
    for name in ("rsp", "rbp", *state.registers):
        held = state.registers.get(name)
        if isinstance(held, int) and name in values:
            return values[name] - held & U64
    return None


def _held(
    name: str, state: FrameState, values: KnownRegisters, cfa: int, eyes: Eyes
) -> tuple[int | None, int | None]:
    """(what a register held at the entry, where that lies on the stack)."""
    for at, held in state.slots.items():
        if held == name:
            return eyes.word(cfa + at & U64), cfa + at & U64
    for register, held_in in state.registers.items():
        if held_in == name and register in values:
            return values[register], None
    return None, None


def _registers(
    state: FrameState, values: KnownRegisters, cfa: int, eyes: Eyes
) -> tuple[KnownRegisters, tuple[SavedRegister, ...]]:
    """The caller's registers, as far as they are known, and where they lie."""
    found = {
        name: values[name] for name, held in state.registers.items()
        if held == name and name in values
    }  # fmt: skip
    saved = []
    for at, name in sorted(state.slots.items()):
        value = eyes.word(cfa + at & U64)
        if name not in ("rip", "rsp") and value is not None:
            found.setdefault(name, value)
            saved.append(SavedRegister(name, cfa + at & U64))
    return found, tuple(saved)
