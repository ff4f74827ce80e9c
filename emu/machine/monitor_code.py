"""Which MONITOR or MWAIT an instruction is, and the address that it names (SDM 2, MONITOR and
MWAIT)."""

from typing import Final

from emu.hw.address import U64
from emu.hw.context import Context
from emu.vmm.asked import Monitor, Mwait, Undefined

_NAMES: Final = {b"\x0f\x01\xc8": "monitor", b"\x0f\x01\xc9": "mwait"}
_FORBIDDEN: Final = b"\x66\xf0\xf2\xf3"
"""Prefixes with which they are undefined."""
_SEGMENTS: Final = {0x26: "es", 0x2E: "cs", 0x36: "ss", 0x3E: "ds", 0x64: "fs", 0x65: "gs"}
_WITH_BASE: Final = ("fs", "gs")
"""The segments that have one in 64-bit mode."""
_ADDRESS_SIZE: Final = 0x67
_U32, _U16 = 0xFFFF_FFFF, 0xFFFF


def read_monitor(
    opcode: bytes, prefixes: bytes, registers: Context
) -> Monitor | Mwait | Undefined | None:
    """What is asked by code that begins with these prefixes; None if it is neither."""
    name = _NAMES.get(opcode[:3])
    if name is None:
        return None
    if any(one in _FORBIDDEN for one in prefixes):
        return Undefined(0, f"{name} with a prefix")
    get, size = registers.get, len(prefixes) + 3
    extensions = get("rcx") if registers.mode == "long" else get("rcx") & _U32
    if name == "mwait":
        return Mwait(size, get("rax") & _U32, extensions)
    return Monitor(size, _linear(prefixes, registers), extensions)


def _linear(prefixes: bytes, registers: Context) -> int:
    """The address in RAX, EAX or AX, by DS or the segment that a prefix names."""
    named = [_SEGMENTS[one] for one in prefixes if one in _SEGMENTS]
    segment, other = (named or ["ds"])[-1], _ADDRESS_SIZE in prefixes
    if registers.mode == "long":
        base = registers.segment(segment).base if segment in _WITH_BASE else 0
        return base + (registers.get("rax") & (_U32 if other else U64)) & U64
    wide = (registers.coding != "real") != other
    offset = registers.get("rax") & (_U32 if wide else _U16)
    return registers.segment(segment).base + offset & _U32
