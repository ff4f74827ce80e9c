"""The registers of a CPU with their bits in words (SDM 3: 2.3, 2.5, 2.2.1; SDM 1: 3.4.3)."""

from functools import lru_cache
from typing import Final

from emu.hw import memory_types
from emu.hw.context import GENERAL, Context, StillRegisters
from emu.hw.cpu import Cpu
from emu.hw.vmcb import SegmentState
from emu.machine.machine import Machine
from emu.picture.pointed import pointed
from emu.picture.sections import PointerView
from emu.picture.view import RegisterView

_FLAGS: Final = (
    (0, "CF"), (2, "PF"), (4, "AF"), (6, "ZF"), (7, "SF"), (8, "TF"), (9, "IF"), (10, "DF"),
    (11, "OF"), (14, "NT"), (16, "RF"), (17, "VM"), (18, "AC"), (21, "ID"),
)  # fmt: skip
_CR0: Final = (
    (0, "PE"), (1, "MP"), (2, "EM"), (3, "TS"), (4, "ET"), (5, "NE"), (16, "WP"), (18, "AM"),
    (29, "NW"), (30, "CD"), (31, "PG"),
)  # fmt: skip
_CR4: Final = (
    (0, "VME"), (1, "PVI"), (2, "TSD"), (3, "DE"), (4, "PSE"), (5, "PAE"), (6, "MCE"),
    (7, "PGE"), (8, "PCE"), (9, "OSFXSR"), (10, "OSXMMEXCPT"), (11, "UMIP"), (12, "LA57"),
    (16, "FSGSBASE"), (17, "PCIDE"), (18, "OSXSAVE"), (20, "SMEP"), (21, "SMAP"), (22, "PKE"),
)  # fmt: skip
_EFER: Final = ((0, "SCE"), (8, "LME"), (10, "LMA"), (11, "NXE"), (12, "SVME"))
_BITS: Final = {"rflags": _FLAGS, "cr0": _CR0, "cr4": _CR4, "efer": _EFER}
_CONTROL: Final = ("cr0", "cr2", "cr3", "cr4", "efer")
_SEGMENT_NAMES: Final = ("cs", "ss", "ds", "es", "fs", "gs", "tr", "ldtr")
_MSRS: Final = ("kernel_gs_base", "star", "lstar", "fmask", "pat")

WORDS_KEPT: Final = 4_096
"""Decoded values that are kept: from one step to the next few registers change."""

RegisterValues = dict[str, int]
"""Every register by name; segments by selector, table registers by base."""


def values(context: Context | StillRegisters) -> RegisterValues:
    """All registers of a CPU."""
    words = (*GENERAL, "rip", "rflags", *_CONTROL, *_MSRS)
    found = {name: context.get(name) for name in words}
    found |= {name: context.segment(name).selector for name in _SEGMENT_NAMES}
    return found | {name: context.segment(name).base for name in ("gdtr", "idtr")}


def values_of(cpu: Cpu) -> RegisterValues:
    """All registers of a CPU, none of one that never started."""
    return {} if cpu.context is None else values(cpu.context)


@lru_cache(maxsize=WORDS_KEPT)
def bits_in_words(name: str, value: int) -> str:
    """The set bits of RFLAGS, CR0, CR4 or EFER by name."""
    return " ".join(word for bit, word in _BITS[name] if value >> bit & 1)


def names_of_bits(name: str) -> tuple[tuple[int, str], ...]:
    """(bit, its name) of a register that consists of bits; of others none."""
    return _BITS.get(name, ())


def still_of(cpu: Cpu) -> StillRegisters | None:
    """The registers of a CPU, to be compared with later; None of one that never started."""
    return None if cpu.context is None else cpu.context.still()


def views(context: Context, before: StillRegisters | None) -> tuple[RegisterView, ...]:
    """Every register in reading order, those that differ from `before` marked."""
    now = values(context)
    old = now if before is None else values(before)

    def row(group: str, name: str, bits: int, words: str = "") -> RegisterView:
        changed = old[name] != now[name]
        return RegisterView(group, name, now[name], bits, words, changed)  # type: ignore[arg-type]

    rows = [row("general", name, 64) for name in (*GENERAL, "rip")]
    rows.append(row("flags", "rflags", 64, bits_in_words("rflags", now["rflags"])))
    rows += [row("segment", n, 16, _segment_words(context.segment(n))) for n in _SEGMENT_NAMES]
    rows += [row("segment", n, 64, f"limit {context.segment(n).limit:#x}")
             for n in ("gdtr", "idtr")]  # fmt: skip
    rows += [
        row("control", n, 64, bits_in_words(n, now[n]) if n in _BITS else "") for n in _CONTROL
    ]
    return (*rows, *(row("msr", name, 64, _msr_words(name, now[name])) for name in _MSRS))


def pointers(machine: Machine, cpu: Cpu) -> tuple[PointerView, ...]:
    """What the general registers of a CPU point at, of those that point at anything known."""
    if cpu.context is None:
        return ()
    found = []
    for name in (*GENERAL, "rip"):
        one = pointed(machine, cpu, cpu.context.get(name))
        if one.words:
            found.append(PointerView(name, one.words, one.code))
    return tuple(found)


@lru_cache(maxsize=WORDS_KEPT)
def _msr_words(name: str, value: int) -> str:
    """PAT's eight memory types, SFMASK's flags, STAR's selectors (SDM 3, 12.12; 5.8.8)."""
    match name:
        case "pat":
            return " ".join(memory_types.names(value))
        case "fmask":
            return bits_in_words("rflags", value)
        case "star":
            call, back = value >> 32 & 0xFFFF, value >> 48
            return f"syscall cs {call:#x}, sysret cs {back:#x}" if value else ""
    return ""


@lru_cache(maxsize=WORDS_KEPT)
def _segment_words(segment: SegmentState) -> str:
    """Base, limit and kind of a segment's hidden part."""
    if not segment.attributes & 0x80:
        return "not present"
    kind = "64-bit" if segment.attributes & 0x200 else "32-bit"
    if not segment.attributes & 0x600:
        kind = "16-bit"
    kind = "system" if not segment.attributes & 0x10 else kind
    return f"base {segment.base:#x} limit {segment.limit:#x} {kind}"
