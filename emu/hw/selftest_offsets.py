"""Do the registers lie where they are read? Each place of `context.OFFSETS` is proved by a
guest that puts a value there which nothing else has, by instructions of its own."""

import struct
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.hw.address import Hpa
from emu.hw.context import ARITHMETIC, OFFSETS, SEGMENTS, VECTORS, Context, segment_at
from emu.hw.exit import Exit
from emu.hw.vmcb import CR_WRITES, EXIT_INTR, INTERCEPTED, SegmentState

CODE64: Final = SegmentState(8, 0, 0xFFFFFFFF, 0xA9B)
GuestRun = Callable[[bytes, SegmentState], tuple[Context, Exit]]
"""Runs code from a fresh state, with a code segment, to its first exit."""
PutCode = Callable[[int, bytes], None]
"""Puts bytes at a GPA."""

RUN_MAX: Final = 200
"""No guest of these is longer."""

_GDT: Final = 0x9000
_CPUID: Final = b"\x0f\xa2"
_ENCODED: Final = tuple(OFFSETS)[:16]
"""The general registers in the order of their numbers in instructions."""
_MSRS: Final = {
    "sysenter_esp": 0x175, "sysenter_eip": 0x176, "star": 0xC0000081, "lstar": 0xC0000082,
    "cstar": 0xC0000083, "fmask": 0xC0000084, "kernel_gs_base": 0xC0000102,
}  # fmt: skip
_PAT: Final = 0x0007010600070406
_DEBUG: Final = {"dr6": 0xFFFF0FF5, "dr7": 0x500}
_SYSENTER_CS: Final = 0x1238
_MXCSR: Final = 0x1F20
_RFLAGS: Final = 0x240CC7
_ALL: Final = (1 << 64) - 1
_CS: Final = SegmentState(8, 0x3000, 0xABCDEFFF, 0xA9B)
_DATA: Final = ("es", "ss", "ds", "fs", "gs")
_LONG_MODE: Final = 1 << 15
"""In the engine's own flags, beside the CPL."""
_IN_GUEST: Final = 0x40 << 32
_HFLAGS2: Final = 0x45 << 32
"""Of the flags behind them: nested paging is on in guest mode, GIF only while somebody waits
for a window, and no NMI is handled."""
_INTERCEPTS: Final = sum(1 << code - EXIT_INTR for code in INTERCEPTED)
_DENIED_WRITE: Final = 6
"""U and W of a nested fault's error code, P is not set."""


class OffsetWanted(Struct, frozen=True):
    """What one guest left: its state, and what has to lie where."""

    state: bytes
    words: dict[str, tuple[int, int]]
    """Register -> value, and which bits of the 64 there count."""
    segments: dict[str, SegmentState] = {}
    filled: tuple[str, ...] = ()
    """Registers that hold something."""

    def wrong(self, offsets: dict[str, int]) -> list[str]:
        """Registers that are not found at these places."""
        found = []
        for name, (value, bits) in self.words.items():
            (word,) = struct.unpack_from("<Q", self.state, offsets[name])
            if word & bits != value:
                found.append(name)
        for name, segment in self.segments.items():
            if segment_at(self.state, offsets[name]) != segment:
                found.append(name)
        for name in self.filled:
            if not any(self.state[offsets[name] : offsets[name] + 8]):
                found.append(name)
        return found

    @property
    def names(self) -> set[str]:
        """What it proves."""
        return {*self.words, *self.segments, *self.filled}


def _load(register: int, value: int) -> bytes:
    """MOV r64, imm64."""
    return struct.pack("<BBQ", 0x48 | register >> 3, 0xB8 | register & 7, value)


def _value(number: int) -> int:
    """Canonical, and nothing else has it."""
    return 0x1234_5670_0000 + number


def _general(run: GuestRun) -> OffsetWanted:
    """The sixteen registers, and RIP behind them."""
    code = b"".join(_load(number, _value(number)) for number in range(16))
    context, _ = run(code + _CPUID, CODE64)
    words = {name: (_value(number), _ALL) for number, name in enumerate(_ENCODED)}
    words["rip"] = (0x10000 + len(code), _ALL)
    return OffsetWanted(context.save(), words)


def _system(run: GuestRun) -> OffsetWanted:
    """Control and debug registers, MSRs, the vector registers and MXCSR."""
    words = {
        "cr0": (0x80010033, _ALL), "cr3": (0x1000, _ALL), "cr4": (0x40220, _ALL),
        "efer": (0xD00, _ALL), "hflags": (_LONG_MODE | _IN_GUEST, _LONG_MODE | _HFLAGS2 | 3),
        "pat": (_PAT, _ALL), "mxcsr": (_MXCSR, 0xFFFFFFFF), "xcr0": (3, _ALL),
    }  # fmt: skip
    code = b""
    for number, (name, msr) in enumerate(_MSRS.items(), 32):
        words[name] = (_value(number), _ALL)
        code += _write_msr(msr, _value(number))
    code += _write_msr(0x277, _PAT) + _write_msr(0x174, _SYSENTER_CS)
    words["sysenter_cs"] = (_SYSENTER_CS, 0xFFFFFFFF)
    code += struct.pack("<BIBIBI", 0xB9, 0, 0xB8, 3, 0xBA, 0) + b"\x0f\x01\xd1"  # xsetbv
    for number, name in enumerate(("cr2", "dr0", "dr1", "dr2", "dr3", "dr6", "dr7"), 48):
        value = _DEBUG.get(name, _value(number))
        words[name] = (value, _ALL)
        move = 0x22 if name == "cr2" else 0x23
        code += _load(0, value) + bytes((0x0F, move, 0xC0 | int(name[2]) << 3))
    for number, name in enumerate(VECTORS):
        words[name] = (_value(64 + number), _ALL)
        prefix = bytes((0x66, 0x48 | number >> 3 << 2, 0x0F, 0x6E, 0xC0 | (number & 7) << 3))
        code += _load(0, _value(64 + number)) + prefix  # movq xmm, rax
    code += b"\x68" + struct.pack("<I", _MXCSR) + b"\x0f\xae\x14\x24"  # push; ldmxcsr [rsp]
    context, _ = run(code + _CPUID, CODE64)
    return OffsetWanted(context.save(), words)


def _write_msr(msr: int, value: int) -> bytes:
    low, high = value & 0xFFFFFFFF, value >> 32
    return struct.pack("<BIBIBI", 0xB9, msr, 0xB8, low, 0xBA, high) + b"\x0f\x30"


def _segments(run: GuestRun, place: PutCode) -> OffsetWanted:
    """CS as VMRUN loads it, the others from a table of descriptors with nothing in common."""
    wanted = {"cs": _CS}
    table = bytearray(0x60)
    for number, name in enumerate((*_DATA, "ldtr", "tr")):
        system = name in ("ldtr", "tr")
        selector = 0x10 + 8 * number + 8 * (name == "tr")
        base, limit = 0x12345000 + 0x111000 * number, 0x54321 - number
        kind = {"ldtr": 0x82, "tr": 0x89}.get(name, 0x93)
        struct.pack_into("<Q", table, selector, _descriptor(base, limit, kind))
        upper = 0x1234 << 32 if system else 0
        if system:
            struct.pack_into("<Q", table, selector + 8, upper >> 32)
        wanted[name] = SegmentState(selector, base | upper, limit, kind)
    place(_GDT, bytes(table))
    code = b""
    for number, name in enumerate(("gdtr", "idtr"), 2):
        base, limit = (_GDT, len(table) - 1) if name == "gdtr" else (_value(99), 0x777)
        place(_GDT + 0x100 * number, struct.pack("<HQ", limit, base))
        code += bytes((0x0F, 0x01, 0x04 | number << 3, 0x25))
        code += struct.pack("<I", _GDT + 0x100 * number)  # lgdt, lidt
        wanted[name] = SegmentState(0, base, limit, 0)
    for name in _DATA:
        number = SEGMENTS.index(name)
        code += struct.pack("<BI", 0xB8, wanted[name].selector)
        code += bytes((0x8E, 0xC0 | number << 3))  # mov es, ax
    for name, number in (("ldtr", 2), ("tr", 3)):
        code += struct.pack("<BI", 0xB8, wanted[name].selector)
        code += bytes((0x0F, 0x00, 0xC0 | number << 3))  # lldt, ltr
    context, _ = run(code + _CPUID, _CS)
    return OffsetWanted(context.save(), {}, wanted)


def _descriptor(base: int, limit: int, kind: int) -> int:
    """A segment descriptor of bytes (SDM 3, figure 3-8)."""
    low = (base & 0xFFFF) << 16 | limit & 0xFFFF
    high = base & 0xFF000000 | limit & 0xF0000 | kind << 8 | base >> 16 & 0xFF
    return high << 32 | low


def _flags(run: GuestRun) -> OffsetWanted:
    """Flags that were put there by the library, which knows them by name."""
    context, _ = run(_CPUID, CODE64)
    context.put("rflags", _RFLAGS)
    words = {
        "eflags": (_RFLAGS & ~ARITHMETIC, _ALL & ~ARITHMETIC),
        "cc_src": (_RFLAGS & ARITHMETIC, _ALL), "cc_op": (1, 0xFFFFFFFF),
    }  # fmt: skip
    return OffsetWanted(context.save(), words)


def _faults(
    run: GuestRun, absent: int, vmcb: Hpa, nested: Hpa
) -> tuple[OffsetWanted, OffsetWanted]:
    """A store to a page that is not there, and a fetch, which is made from outside code."""
    context, _ = run(b"\x89\x04\x25" + struct.pack("<I", absent), CODE64)
    words = {
        "error_code": (_DENIED_WRITE, 0xFFFFFFFF), "vmcb": (vmcb, _ALL),
        "nested_cr3": (nested, _ALL), "cr_intercepts": (CR_WRITES << 16, 0xFFFF0000),
        "intercepts": (_INTERCEPTS, _ALL),
    }  # fmt: skip
    store = OffsetWanted(context.save(), words, filled=("return_address",))
    context, _ = run(b"\xb8" + struct.pack("<I", absent) + b"\xff\xe0", CODE64)
    return store, OffsetWanted(context.save(), {"return_address": (0, _ALL)})


def proofs(
    run: GuestRun, place: PutCode, absent: int, vmcb: Hpa, nested: Hpa
) -> list[OffsetWanted]:
    """Guests that have between them every place of `OFFSETS`."""
    faults = _faults(run, absent, vmcb, nested)
    return [_general(run), _system(run), _segments(run, place), _flags(run), *faults]
