"""Registers that a CPU begins with, out of a VP_CONTEXT in its platform's own format.

Source: microsoft/igvm, `igvm_defs/src/lib.rs` (VbsVpContextRegister, IgvmNativeVpContextX64),
`igvm/src/registers.rs` and `igvm/src/snp_defs.rs`; Hypervisor Top Level Functional
Specification, "Virtual Processor Register Names"; AMD APM volume 2, table B-4 (VMSA).
"""

import struct
from typing import Final

from msgspec import Struct

from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES
from emu.igvm.file import Igvm
from emu.igvm.headers import SNP, VBS, InitialContext, LaunchPlatform

VBS_RECORD: Final = struct.Struct("<BI11s16s")
"""VTL, register, zeros, value."""
_COUNT: Final = struct.Struct("<I")
REGISTERS_MAX: Final = 64
_MTRRS: Final = {
    **{0x80010 + n: f"mtrr_physbase{n}" for n in range(5)},
    **{0x80040 + n: f"mtrr_physmask{n}" for n in range(5)},
    0x8000E: "mtrr_def_type", 0x80070: "mtrr_fix64k_00000", 0x80071: "mtrr_fix16k_80000",
    0x80077: "mtrr_fix4k_e0000", 0x80078: "mtrr_fix4k_e8000", 0x80079: "mtrr_fix4k_f0000",
    0x8007A: "mtrr_fix4k_f8000",
}  # fmt: skip
VBS_NAMES: Final = {
    0x20004: "rsp", 0x20005: "rbp", 0x20006: "rsi", 0x20008: "r8", 0x20009: "r9",
    0x2000A: "r10", 0x2000B: "r11", 0x2000C: "r12", 0x20010: "rip", 0x20011: "rflags",
    0x40000: "cr0", 0x40002: "cr3", 0x40003: "cr4",
    0x60000: "es", 0x60001: "cs", 0x60002: "ss", 0x60003: "ds", 0x60004: "fs", 0x60005: "gs",
    0x60007: "tr", 0x70000: "idtr", 0x70001: "gdtr", 0x80001: "efer", 0x80004: "pat", **_MTRRS,
}  # fmt: skip
"""Register of a VBS context -> its name; others are not allowed in one."""
_SEGMENT: Final = struct.Struct("<QIHH")
_TABLE: Final = struct.Struct("<6xHQ")
_VMSA_SEGMENT: Final = struct.Struct("<HHIQ")
_VMSA_SEGMENTS: Final = (
    "es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
)  # fmt: skip
_VMSA: Final = {
    name: (at, 8)
    for name, at in {
        "efer": 0x0D0, "xss": 0x140, "cr4": 0x148, "cr3": 0x150, "cr0": 0x158, "dr7": 0x160,
        "dr6": 0x168, "rflags": 0x170, "rip": 0x178, "rsp": 0x1D8, "rax": 0x1F8, "pat": 0x268,
        "rcx": 0x308, "rdx": 0x310, "rbx": 0x318, "rbp": 0x328, "rsi": 0x330, "rdi": 0x338,
        "r8": 0x340, "r9": 0x348, "r10": 0x350, "r11": 0x358, "r12": 0x360, "r13": 0x368,
        "r14": 0x370, "r15": 0x378, "sev_features": 0x3B0, "virtual_tom": 0x3C8, "xcr0": 0x3E8,
    }.items()
} | {"vmpl": (0x0CA, 1), "cpl": (0x0CB, 1), "mxcsr": (0x408, 4), "fcw": (0x410, 2)}  # fmt: skip
"""Field of a VMSA -> (offset, bytes)."""
NATIVE_KINDS, VMSA_KINDS = (0, 4), (SNP, 5)
"""Platforms of a file whose contexts have these formats: native and SEV, SEV-SNP and SEV-ES."""
_NATIVE_WORDS: Final = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
    "r13", "r14", "r15", "rip", "rflags",
)  # fmt: skip
_NATIVE_BYTES: Final = 0xE8
_NATIVE_TABLES: Final = struct.Struct("<QH4xHQ")
"""IDTR's base and limit, GDTR's limit and base."""
_NATIVE_SEGMENT: Final = struct.Struct("<HHII")
"""Selector, attributes, base, limit."""
_NATIVE_REST: Final = {"cr0": 0xC8, "cr3": 0xD0, "cr4": 0xD8, "efer": 0xE0}
_NATIVE: Final = {name: 8 * index for index, name in enumerate(_NATIVE_WORDS)} | _NATIVE_REST


class InitialRegister(Struct, frozen=True):
    """One register as the file has it: in VBS contexts `raw` is what is measured."""

    name: str
    number: int
    """The hypervisor's number of it; 0 outside VBS."""
    vtl: int
    raw: bytes

    @property
    def text(self) -> str:
        """`0x8000`, or `selector 0x10, base 0x0, limit 0xffffffff, attributes 0xa09b`."""
        if self.name in ("gdtr", "idtr") and len(self.raw) == _TABLE.size:
            limit, base = self.table
            return f"base {base:#x}, limit {limit:#x}"
        if len(self.raw) == _SEGMENT.size and self.name in ("tr", *_VMSA_SEGMENTS):
            base, limit, selector, attributes = self.segment
            return (
                f"selector {selector:#x}, base {base:#x}, limit {limit:#x}, "
                f"attributes {attributes:#x}"
            )
        return f"{self.value:#x}"

    @property
    def segment(self) -> tuple[int, int, int, int]:
        """(base, limit, selector, attributes), of a segment register."""
        base, limit, selector, attributes = _SEGMENT.unpack(self.raw)
        return base, limit, selector, attributes

    @property
    def table(self) -> tuple[int, int]:
        """(limit, base), of a table register."""
        limit, base = _TABLE.unpack(self.raw)
        return limit, base

    @property
    def value(self) -> int:
        """The number, of a register that is one."""
        return int.from_bytes(self.raw[:8], "little")


def values(
    igvm: Igvm, platform: LaunchPlatform, context: InitialContext
) -> tuple[InitialRegister, ...]:
    """The registers, in the order of the file; raises ImageError."""
    if platform.kind == VBS:
        return _vbs(igvm, context)
    where = f"{igvm.path}: {context.NAME} at {context.at:#x}"
    if platform.kind not in (*NATIVE_KINDS, *VMSA_KINDS):
        raise ImageError(f"{where}: a CPU on {platform.name} begins as after reset")
    data = igvm.data(context.file_offset, PAGE_BYTES)
    if len(data) < PAGE_BYTES:
        raise ImageError(f"{where}: its data at {context.file_offset:#x} is not in the file")
    if platform.kind in NATIVE_KINDS:
        if any(data[_NATIVE_BYTES:]):
            raise ImageError(f"{where}: what is behind its registers is not zero")
        return _native(data)
    return _vmsa(data)


def _vmsa(data: bytes) -> tuple[InitialRegister, ...]:
    found = {}
    for index, name in enumerate(_VMSA_SEGMENTS):
        selector, attributes, limit, base = _VMSA_SEGMENT.unpack_from(data, 16 * index)
        table = name in ("gdtr", "idtr")
        found[name] = (
            _TABLE.pack(limit & 0xFFFF, base)
            if table
            else _SEGMENT.pack(base, limit, selector, attributes)
        )
    found |= {name: data[at : at + size] for name, (at, size) in _VMSA.items()}
    return tuple(InitialRegister(name, 0, 0, raw) for name, raw in found.items())


def _native(data: bytes) -> tuple[InitialRegister, ...]:
    """ES, SS, DS, FS and GS are one segment, but for the base of GS."""
    idt_base, idt_limit, gdt_limit, gdt_base = _NATIVE_TABLES.unpack_from(data, 0x90)
    code, rest = (
        _NATIVE_SEGMENT.unpack_from(data, 0xA8),
        _NATIVE_SEGMENT.unpack_from(data, 0xB4),
    )
    gs_base = int.from_bytes(data[0xC0:0xC8], "little")
    bases = dict.fromkeys(("es", "ss", "ds", "fs"), rest[2]) | {"gs": gs_base}
    found = {
        "idtr": _TABLE.pack(idt_limit, idt_base),
        "gdtr": _TABLE.pack(gdt_limit, gdt_base),
        "cs": _SEGMENT.pack(code[2], code[3], code[0], code[1]),
    }
    for name, base in bases.items():
        found[name] = _SEGMENT.pack(base, rest[3], rest[0], rest[1])
    found |= {name: data[at : at + 8] for name, at in _NATIVE.items()}
    return tuple(InitialRegister(name, 0, 0, raw) for name, raw in found.items())


def _vbs(igvm: Igvm, context: InitialContext) -> tuple[InitialRegister, ...]:
    where = f"{igvm.path}: {context.NAME} at {context.at:#x}"
    at = context.file_offset
    if not at:
        raise ImageError(f"{where}: has no data")
    (count,) = _COUNT.unpack_from(igvm.whole, at)
    if not 0 < count <= REGISTERS_MAX:
        raise ImageError(f"{where}: has {count:,} registers, not 1 to {REGISTERS_MAX}")
    data = igvm.data(at + _COUNT.size, count * VBS_RECORD.size)
    if len(data) < count * VBS_RECORD.size:
        raise ImageError(f"{where}: its {count} registers are not in the file")
    found = []
    for vtl, number, zeros, raw in VBS_RECORD.iter_unpack(data):
        name = VBS_NAMES.get(number, "")
        if igvm.architecture != "x64":
            name = f"register {number:#x}"
        if not name:
            raise ImageError(f"{where}: register {number:#x} may not be in it")
        if any(zeros):
            raise ImageError(f"{where}: what is reserved in it is not zero")
        found.append(InitialRegister(name, number, vtl, raw))
    if len({one.vtl for one in found}) > 1:
        raise ImageError(f"{where}: has registers of more than one VTL")
    return tuple(found)
