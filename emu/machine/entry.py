"""The state in which a CPU begins: at the reset vector, after a SIPI, or as a VMM was told."""

from typing import Final

from msgspec.structs import replace

from emu.boot.entry import EntryState
from emu.hw.address import PAGE_MASK, U64, canonical
from emu.hw.vmcb import GuestState, SegmentState
from emu.vmm.cpuid import SIGNATURE
from emu.vmm.effects import Segment, TableRegister, VpContext
from emu.vmm.hypercalls import context

_BUSY_TSS: Final = SegmentState(0, 0, 0xFFFF, 0x8B)
_LDT: Final = SegmentState(0, 0, 0xFFFF, 0x82)
_NO_LDT: Final = Segment(0, 0, 0xFFFF, 0x82)
_CACHING, _CR0_ET = 0x60000000, 0x10
"""CR0: CD and NW, and what is always set."""
CR0_AFTER_RESET: Final = _CACHING | _CR0_ET
_DATA_NAMES: Final = ("ds", "es", "fs", "gs", "ss")
_CODE_OF: Final = {"long": 0xA9B, "protected": 0xC9B}
"""Kind of an entry -> attributes of its code segment: 64 or 32 bits."""


def _flat(selector: int, attributes: int) -> SegmentState:
    return SegmentState(selector, 0, 0xFFFFFFFF, attributes)


def reset_vector(vp: int, operand: int = 0, gpaw: int = 48) -> GuestState:
    """A TDX vCPU after TDH.VP.INIT: 32-bit protected mode, paging off, at 0xFFFFFFF0.

    EBX is the GPA width and ESI the vCPU index, RCX and R8 the operand of TDH.VP.INIT, EDX the
    signature of CPUID leaf 1; EFER has LME and NXE, which a TD cannot set, and SCE
    (intel/tdx-module, `td_vmcs_init` and `tdh_vp_init`)."""
    segments = {name: _flat(0, 0xC93) for name in _DATA_NAMES}
    segments |= {"cs": _flat(0, 0xC9B), "gdtr": SegmentState(0, 0, 0xFFFF, 0)}
    segments |= {"idtr": SegmentState(0, 0, 0, 0), "ldtr": _LDT, "tr": _BUSY_TSS}
    general = {"rbx": gpaw, "rsi": vp, "rcx": operand, "r8": operand, "rdx": SIGNATURE}
    return GuestState(
        rip=0xFFFFFFF0, rsp=0, rflags=2, efer=0x901, cr0=0x21, cr3=0, cr4=0x40,
        segments=tuple(segments.items()), registers=tuple(general.items()),
    )  # fmt: skip


def after_init(cr0: int) -> GuestState:
    """Real mode at the reset vector, as INIT leaves a CPU that had `cr0`: caching is as it was
    (SDM 3, table 9-1). What INIT does not touch is `Context.keep_over_init`."""
    data = SegmentState(0, 0, 0xFFFF, 0x93)
    segments = dict.fromkeys(_DATA_NAMES, data)
    segments |= {"cs": SegmentState(0xF000, 0xFFFF0000, 0xFFFF, 0x9B)}
    segments |= {name: SegmentState(0, 0, 0xFFFF, 0) for name in ("gdtr", "idtr")}
    segments |= {"ldtr": _LDT, "tr": _BUSY_TSS}
    return GuestState(
        rip=0xFFF0, rsp=0, rflags=2, efer=0, cr0=cr0 & _CACHING | _CR0_ET, cr3=0, cr4=0,
        segments=tuple(segments.items()), registers=(("rdx", SIGNATURE),),
    )  # fmt: skip


def code_after_sipi(vector: int) -> SegmentState:
    """CS of a CPU that a start-up IPI starts, at IP 0 (SDM 3, 8.4.3); all else is as after
    INIT."""
    return SegmentState(vector << 8, vector << 12, 0xFFFF, 0x9B)


def _segment(segment: Segment) -> SegmentState:
    """Descriptor attributes (bits 15:12 and 7:0) squeezed into the VMCB's twelve bits."""
    attributes = segment.attributes & 0xFF | segment.attributes >> 4 & 0xF00
    return SegmentState(segment.selector, segment.base, segment.limit, attributes)


def _table(table: TableRegister) -> SegmentState:
    return SegmentState(0, table.base, table.limit, 0)


def from_context(given: VpContext) -> GuestState:
    """The full context that StartVirtualProcessor carries."""
    names = (*_DATA_NAMES, "cs", "tr", "ldtr")
    segments = {name: _segment(getattr(given, name)) for name in names}
    segments |= {"gdtr": _table(given.gdtr), "idtr": _table(given.idtr)}
    return GuestState(
        rip=given.rip, rsp=given.rsp, rflags=given.rflags, efer=given.efer,
        cr0=given.cr0, cr3=given.cr3, cr4=given.cr4, pat=given.pat,
        segments=tuple(segments.items()), cpl=given.ss.attributes >> 5 & 3,
    )  # fmt: skip


def from_loader(entry: EntryState, operand: int = 0) -> GuestState:
    """A CPU as the loader left it (openvmm, vm/loader/src/paravisor.rs); `operand`: that of
    TDH.VP.INIT in a TD."""
    if entry.kind == "reset-vector":
        return reset_vector(0, operand)
    if entry.kind == "real":
        return _as_started(entry)
    if entry.kind == "given":
        return replace(from_context(_given(entry)), registers=_general(entry))
    if entry.kind == "moment":
        return _as_it_stood(entry)
    code = SegmentState(entry.code_selector, 0, 0xFFFFFFFF, _CODE_OF[entry.kind])
    segments = {name: _flat(entry.data_selector, 0xC93) for name in _DATA_NAMES}
    segments |= {"cs": code, "gdtr": SegmentState(0, entry.gdt_base, entry.gdt_limit, 0)}
    segments |= {"ldtr": _LDT, "tr": _BUSY_TSS}
    segments["idtr"] = SegmentState(0, entry.idt_base, entry.idt_limit, 0)
    return GuestState(
        rip=entry.rip, rsp=entry.rsp, rflags=2, efer=entry.efer, cr0=entry.cr0, cr3=entry.cr3,
        cr4=entry.cr4, segments=tuple(segments.items()),
        registers=_general(entry),
    )  # fmt: skip


def why_not(entry: EntryState) -> str | None:
    """Why no CPU can begin so; None if one can."""
    if entry.kind == "given":
        return context.invalid(_given(entry))
    long = entry.kind == "long" and not canonical(entry.rip)
    return f"RIP {entry.rip:#x} is not canonical" if long else None


def _given(entry: EntryState) -> VpContext:
    """All that a start of a processor is told."""
    segments = {
        name: Segment(one.selector, one.base, one.limit, one.attributes)
        for name, one in entry.segments
    }
    return VpContext(
        rip=entry.rip, rsp=entry.rsp, rflags=entry.rflags, ldtr=_NO_LDT,
        idtr=TableRegister(entry.idt_base, entry.idt_limit),
        gdtr=TableRegister(entry.gdt_base, entry.gdt_limit),
        efer=entry.efer, cr0=entry.cr0, cr3=entry.cr3, cr4=entry.cr4, pat=entry.pat,
        **segments,
    )  # fmt: skip


def _as_it_stood(entry: EntryState) -> GuestState:
    """A CPU in the middle of whatever it did; its privilege level is that of SS (AMD APM 2,
    15.5.1), and 0 in real mode."""
    segments = tuple(
        (name, SegmentState(one.selector, one.base, one.limit, one.attributes))
        for name, one in entry.segments
    )
    level = dict(segments)["ss"].attributes >> 5 & 3 if entry.cr0 & 1 else 0
    words = dict(entry.registers)
    return GuestState(
        rip=entry.rip, rsp=entry.rsp, rflags=words["rflags"], efer=entry.efer, cr0=entry.cr0,
        cr3=entry.cr3, cr4=entry.cr4, segments=segments, cpl=level, registers=_general(entry),
    )  # fmt: skip


def _general(entry: EntryState) -> tuple[tuple[str, int], ...]:
    return (("rsi", entry.rsi & U64), ("rdi", entry.rdi), *entry.registers)


def _as_started(entry: EntryState) -> GuestState:
    """In real mode in the page that a start-up IPI named, with registers of the loader's."""
    state = after_init(0)
    segments = dict(state.segments) | {"cs": code_after_sipi(entry.rip >> 12)}
    return replace(
        state, rip=entry.rip & PAGE_MASK, rsp=entry.rsp, segments=tuple(segments.items()),
        registers=(*state.registers, *_general(entry)),
    )  # fmt: skip
