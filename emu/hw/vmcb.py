"""The virtual machine control block: how a CPU is put into guest mode, field by field.

Layout: AMD64 Architecture Programmer's Manual 2, appendix B. The emulator reads it once, at
VMRUN; afterwards only EXITINFO2 changes.
"""

import struct
from typing import Final

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, U64, Hpa
from emu.hw.memory import HostMemory

VMCB_BYTES: Final = PAGE_BYTES

_CR_READS, _CR_WRITES, _EXCEPTIONS, _INTERCEPTS = 0x000, 0x002, 0x008, 0x00C
_IOPM, _MSRPM, _ASID, _INT_CTL, _NESTED_CTL = 0x040, 0x048, 0x058, 0x060, 0x090
_NESTED_CR3: Final = 0x0B0
_V_IRQ: Final = 1 << 8
EXITINFO2: Final = 0x080
_SAVE: Final = 0x400
_SEGMENTS: Final = {"es": 0x00, "cs": 0x10, "ss": 0x20, "ds": 0x30, "fs": 0x40, "gs": 0x50,
                    "gdtr": 0x60, "ldtr": 0x70, "idtr": 0x80, "tr": 0x90}  # fmt: skip
_CPL, _EFER, _CR4, _CR3, _CR0, _DR7, _DR6 = 0xCB, 0xD0, 0x148, 0x150, 0x158, 0x160, 0x168
_RFLAGS, _RIP, _RSP, _RAX, _PAT = 0x170, 0x178, 0x1D8, 0x1F8, 0x268

FIELDS: Final = (
    ("intercept cr reads", _CR_READS, 2), ("intercept cr writes", _CR_WRITES, 2),
    ("intercept exceptions", _EXCEPTIONS, 4), ("intercepts", _INTERCEPTS, 8),
    ("iopm base", _IOPM, 8), ("msrpm base", _MSRPM, 8), ("asid", _ASID, 4),
    ("exit code", 0x070, 8), ("exit info 1", 0x078, 8), ("exit info 2", EXITINFO2, 8),
    ("nested control", _NESTED_CTL, 8), ("nested cr3", _NESTED_CR3, 8),
    *((f"{name} base", _SAVE + place + 8, 8) for name, place in _SEGMENTS.items()),
    ("cpl", _SAVE + _CPL, 1), ("efer", _SAVE + _EFER, 8), ("cr4", _SAVE + _CR4, 8),
    ("cr3", _SAVE + _CR3, 8), ("cr0", _SAVE + _CR0, 8), ("rflags", _SAVE + _RFLAGS, 8),
    ("rip", _SAVE + _RIP, 8), ("rsp", _SAVE + _RSP, 8), ("rax", _SAVE + _RAX, 8),
    ("g_pat", _SAVE + _PAT, 8),
)  # fmt: skip
"""(name, offset, bytes) of what a person looks for in a control block."""

EXIT_READ_CR8: Final = 0x08
"""CR8 is the APIC's task priority, which the emulator does not have."""
EXIT_WRITE_CR: Final = 0x10
"""Exit code of a write to CR0; to CRn it is this plus n."""
EXIT_WRITE_CR8: Final = EXIT_WRITE_CR + 8
CR_WRITES: Final = 1 << 0 | 1 << 3 | 1 << 4 | 1 << 8
"""Control registers whose writes exit. CLTS and LMSW write CR0."""
EXIT_EXCEPTION: Final = 0x40
"""Exit code of exception 0; exception v is this plus v."""
EXIT_INTR: Final = 0x60
"""The first of those whose intercepts are the bits of one word."""
EXIT_VINTR: Final = 0x64
"""A virtual interrupt would be taken now: interrupts are let in."""
EXIT_RDTSC: Final = 0x6E
EXIT_RDPMC: Final = 0x6F
EXIT_CPUID: Final = 0x72
EXIT_IRET: Final = 0x74
EXIT_SWINT: Final = 0x75
EXIT_INVD: Final = 0x76
EXIT_PAUSE: Final = 0x77
EXIT_HLT: Final = 0x78
EXIT_MSR: Final = 0x7C
EXIT_SHUTDOWN: Final = 0x7F
EXIT_WBINVD: Final = 0x89
EXIT_MONITOR: Final = 0x8A
EXIT_MWAIT: Final = 0x8B
EXIT_NPF: Final = 0x400

INTERCEPTED: Final = (
    EXIT_VINTR, EXIT_RDTSC, EXIT_RDPMC, EXIT_CPUID, EXIT_SWINT, EXIT_INVD, EXIT_PAUSE, EXIT_HLT,
    EXIT_MSR, EXIT_SHUTDOWN, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    EXIT_WBINVD, EXIT_MONITOR, EXIT_MWAIT,
)  # fmt: skip
"""SWINT too: INT n would otherwise leave the emulator a stale next-RIP (measured on unicorn
2.1.4)."""

EFER: Final = 0xC0000080
_NATIVE_MSRS: Final = (
    EFER, 0xC0000081, 0xC0000082, 0xC0000083, 0xC0000084,
    0xC0000100, 0xC0000101, 0xC0000102, 0x174, 0x175, 0x176, 0x277,
)  # fmt: skip
"""EFER, STAR, LSTAR, CSTAR, SFMASK, FS/GS bases, SYSENTER and PAT live in the CPU itself."""


class SegmentState(Struct, frozen=True):
    """A segment register in VMCB form: attributes are descriptor bits 55:52 and 47:40."""

    selector: int
    base: int
    limit: int
    attributes: int


class GuestState(Struct, frozen=True):
    """The state a CPU enters guest mode with; general registers besides RAX and RSP are 0."""

    rip: int
    rsp: int
    rflags: int
    efer: int
    cr0: int
    cr3: int
    cr4: int
    segments: tuple[tuple[str, SegmentState], ...]
    """All of es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr."""
    cpl: int = 0
    pat: int = 0x0007040600070406
    registers: tuple[tuple[str, int], ...] = ()
    """General registers by name that are not 0."""


_CSTAR: Final = 0xC000_0083
_BOTH, _WRITES, _NEITHER = 3, 2, 0


def msr_permission_map(td: bool = False) -> bytes:
    """Two pages of intercept bits: every MSR but those the CPU keeps itself, and of EFER the
    writes. In a TD the module also wants each access to CSTAR (its `msr_config_lookup`)."""
    bits = bytearray(b"\xff" * (2 * PAGE_BYTES))
    wanted = dict.fromkeys(_NATIVE_MSRS, _NEITHER) | {EFER: _WRITES}
    if td:
        wanted[_CSTAR] = _BOTH
    for msr, exits in wanted.items():
        index = (msr & 0x1FFF) + (0x2000 if msr >= 0xC0000000 else 0)
        bits[index // 4] &= ~((_BOTH & ~exits) << index % 4 * 2) & 0xFF
    return bytes(bits)


def write_vmcb(
    memory: HostMemory, vmcb: Hpa, state: GuestState, nested_cr3: Hpa, msrpm: Hpa, iopm: Hpa
) -> None:
    """Fill a control block: everything that matters to us is intercepted, nesting is on."""
    block = bytearray(VMCB_BYTES)

    def put(form: str, offset: int, *values: int) -> None:
        struct.pack_into("<" + form, block, offset, *values)

    put("H", _CR_READS, 1 << EXIT_READ_CR8)
    put("H", _CR_WRITES, CR_WRITES)
    put("I", _EXCEPTIONS, 0xFFFFFFFF)
    put("Q", _INTERCEPTS, sum(1 << (code - EXIT_INTR) for code in INTERCEPTED))
    put("QQ", _IOPM, iopm, msrpm)
    put("I", _ASID, 1)
    # The emulator keeps this bit for itself, whichever context runs: what lets it look for an
    # open window is that context's GIF (`Context.watch_window`).
    put("I", _INT_CTL, _V_IRQ)
    put("Q", _NESTED_CTL, 1)
    put("Q", _NESTED_CR3, nested_cr3)
    for name, segment in state.segments:
        form = (segment.selector, segment.attributes, segment.limit, segment.base)
        put("HHIQ", _SAVE + _SEGMENTS[name], *form)
    block[_SAVE + _CPL] = state.cpl
    # VMRUN insists on EFER.SVME in the host's EFER only; the guest's stays truthful, and
    # VMMCALL then arrives as #UD, which the machine decodes (measured on unicorn 2.1.4).
    for offset, value in (
        (_EFER, state.efer), (_CR4, state.cr4), (_CR3, state.cr3), (_CR0, state.cr0),
        (_DR7, 0x400), (_DR6, 0xFFFF0FF0), (_RFLAGS, state.rflags | 2), (_RIP, state.rip),
        (_RSP, state.rsp), (_PAT, state.pat), (_RAX, dict(state.registers).get("rax", 0)),
    ):  # fmt: skip
        put("Q", _SAVE + offset, value & U64)
    memory.write(vmcb, bytes(block))
