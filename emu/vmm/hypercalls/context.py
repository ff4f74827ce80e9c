"""HV_INITIAL_VP_CONTEXT: the 224 bytes a processor starts from, and what makes them invalid."""

import struct
from typing import Final

from emu.hw.address import canonical
from emu.hw.control import CR0_DEFINED, beyond_memory, not_offered, undefined_cr0
from emu.vmm.cpuid import PHYSICAL_BITS
from emu.vmm.effects import Segment, TableRegister, VpContext

CONTEXT_BYTES: Final = 224

_HEAD: Final = struct.Struct("<3Q")
_SEGMENT: Final = struct.Struct("<QIHH")
_TABLE: Final = struct.Struct("<6xHQ")
_TAIL: Final = struct.Struct("<5Q")

_PE, _PG = 1, 1 << 31
_PAE: Final = 1 << 5
_LME, _LMA = 1 << 8, 1 << 10
_RFLAGS_DEFINED: Final = 0x003F_7FD7
_RFLAGS_ONE: Final = 2
_VM: Final = 1 << 17
_PRESENT, _SYSTEM_CLEAR, _CODE, _LONG, _BIG = 1 << 7, 1 << 4, 1 << 3, 1 << 13, 1 << 14
_BUSY_TSS: Final = (3, 11)
_PAT_TYPES: Final = (0, 1, 4, 5, 6, 7)


def parse(data: bytes) -> VpContext:
    """The context in 224 bytes (TLFS, HV_INITIAL_VP_CONTEXT)."""
    rip, rsp, rflags = _HEAD.unpack_from(data, 0)
    cs, ds, es, fs, gs, ss, tr, ldtr = (_segment(data, 0x18 + 16 * n) for n in range(8))
    efer, cr0, cr3, cr4, pat = _TAIL.unpack_from(data, 0xB8)
    return VpContext(
        rip=rip, rsp=rsp, rflags=rflags,
        cs=cs, ds=ds, es=es, fs=fs, gs=gs, ss=ss, tr=tr, ldtr=ldtr,
        idtr=_table(data, 0x98), gdtr=_table(data, 0xA8),
        efer=efer, cr0=cr0, cr3=cr3, cr4=cr4, pat=pat,
    )  # fmt: skip


def _segment(data: bytes, offset: int) -> Segment:
    base, limit, selector, attributes = _SEGMENT.unpack_from(data, offset)
    return Segment(selector, base, limit, attributes)


def _table(data: bytes, offset: int) -> TableRegister:
    limit, base = _TABLE.unpack_from(data, offset)
    return TableRegister(base, limit)


def words(data: bytes) -> str:
    """224 bytes in words: `zero`, or what a start hangs on."""
    if not any(data):
        return "zero"
    found = parse(data)
    places = f"rip {found.rip:#x} rsp {found.rsp:#x} rflags {found.rflags:#x}"
    controls = f"cr0 {found.cr0:#x} cr3 {found.cr3:#x} cr4 {found.cr4:#x} efer {found.efer:#x}"
    segments = " ".join(
        f"{name} {one.selector:#x}:{one.attributes:#x}"
        for name, one in (("cs", found.cs), ("tr", found.tr))
    )
    return f"({places} {segments} {controls})"


def invalid(context: VpContext) -> str | None:
    """Why no processor can start in this state, or None: the checks of VM entry.

    Source: SDM 3, 27.3.1 (guest-state area), the rules that hold without VMX too."""
    return (
        _controls(context)
        or _modes(context)
        or _segments(context)
        or _instruction(context)
        or _memory_types(context)
    )


def _controls(context: VpContext) -> str | None:
    if context.rflags & ~_RFLAGS_DEFINED or not context.rflags & _RFLAGS_ONE:
        return f"RFLAGS {context.rflags:#x} has reserved bits wrong"
    if context.cr0 & ~CR0_DEFINED:
        return f"CR0 {context.cr0:#x} has reserved bits set"
    return (
        undefined_cr0(context.cr0)
        or not_offered("cr4", context.cr4)
        or not_offered("efer", context.efer)
    )


def _modes(context: VpContext) -> str | None:
    long_mode = bool(context.efer & _LME and context.cr0 & _PG)
    if bool(context.efer & _LMA) != long_mode:
        return "EFER.LMA is not EFER.LME and CR0.PG"
    if long_mode and not context.cr4 & _PAE:
        return "long mode without CR4.PAE"
    if long_mode and context.rflags & _VM:
        return "RFLAGS.VM in long mode"
    return beyond_memory(context.cr3, context.cr4, PHYSICAL_BITS)


def _segments(context: VpContext) -> str | None:
    if not context.cr0 & _PE:
        return None
    wanted = _PRESENT | _SYSTEM_CLEAR | _CODE
    if context.cs.attributes & wanted != wanted:
        return f"CS attributes {context.cs.attributes:#x} are not a present code segment"
    if context.cs.attributes & _LONG and context.cs.attributes & _BIG:
        return "CS.L and CS.D are both set"
    tr = context.tr.attributes
    if not tr & _PRESENT or tr & _SYSTEM_CLEAR or tr & 0xF not in _BUSY_TSS:
        return f"TR attributes {tr:#x} are not a present busy TSS"
    bases = (context.fs, context.gs, context.tr, context.ldtr, context.idtr, context.gdtr)
    if not all(canonical(part.base) for part in bases):
        return "a segment or table base is not canonical"
    return None


def _instruction(context: VpContext) -> str | None:
    if context.efer & _LMA and context.cs.attributes & _LONG:
        return None if canonical(context.rip) else f"RIP {context.rip:#x} is not canonical"
    return f"RIP {context.rip:#x} is beyond 32 bits" if context.rip >> 32 else None


def _memory_types(context: VpContext) -> str | None:
    types = context.pat.to_bytes(8, "little")
    return None if all(kind in _PAT_TYPES for kind in types) else f"PAT {context.pat:#x} is bad"
