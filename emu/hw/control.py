"""What the processor refuses to have in its control registers: #GP(0), and nothing changes.

Sources: SDM 2B, "MOV: Move to/from Control Registers", protected and 64-bit mode exceptions;
SDM 3A, 2.5 (control registers), 4.1 (paging modes), 10.8.5 (IA-32e mode); SDM 4, table 2-2,
IA32_EFER. Which bits of CR4 and EFER there are depends on what CPUID offers.
"""

from typing import Final, Literal

from msgspec import Struct

from emu.hw.features import Feature, offers

ControlRegister = Literal["cr0", "cr3", "cr4", "efer"]

CR0_PE, CR0_NW, CR0_CD, CR0_PG = 1, 1 << 29, 1 << 30, 1 << 31
CR0_DEFINED: Final = 0xE005_003F
"""PE MP EM TS ET NE WP AM NW CD PG. Of the lower half the others stay 0, whatever is written;
one in the upper half is refused (SDM 3A, 2.5)."""
CR4_PAE, CR4_LA57, CR4_PCIDE = 1 << 5, 1 << 12, 1 << 17
EFER_LME, EFER_LMA = 1 << 8, 1 << 10
_LOWER: Final = (1 << 32) - 1
_PCID: Final = 0xFFF
_NO_FLUSH: Final = 1 << 63
"""With CR4.PCIDE, bit 63 of what is moved to CR3 is no part of it."""

CR4_BITS: Final[tuple[tuple[int, str, Feature | None], ...]] = (
    (0, "VME", Feature("1.edx", 1)), (1, "PVI", Feature("1.edx", 1)),
    (2, "TSD", Feature("1.edx", 4)), (3, "DE", Feature("1.edx", 2)),
    (4, "PSE", Feature("1.edx", 3)), (5, "PAE", Feature("1.edx", 6)),
    (6, "MCE", Feature("1.edx", 7)), (7, "PGE", Feature("1.edx", 13)),
    (8, "PCE", None), (9, "OSFXSR", Feature("1.edx", 24)),
    (10, "OSXMMEXCPT", Feature("1.edx", 25)), (11, "UMIP", Feature("7.ecx", 2)),
    (12, "LA57", Feature("7.ecx", 16)), (13, "VMXE", Feature("1.ecx", 5)),
    (14, "SMXE", Feature("1.ecx", 6)), (16, "FSGSBASE", Feature("7.ebx", 0)),
    (17, "PCIDE", Feature("1.ecx", 17)), (18, "OSXSAVE", Feature("1.ecx", 26)),
    (19, "KL", Feature("7.ecx", 23)), (20, "SMEP", Feature("7.ebx", 7)),
    (21, "SMAP", Feature("7.ebx", 20)), (22, "PKE", Feature("7.ecx", 3)),
    (23, "CET", Feature("7.ecx", 7)), (24, "PKS", Feature("7.ecx", 31)),
)  # fmt: skip
"""Bit, name, and the bit of CPUID that says that it is there (None: it always is)."""
EFER_BITS: Final[tuple[tuple[int, str, Feature | None], ...]] = (
    (0, "SCE", Feature("80000001.edx", 11)), (8, "LME", Feature("80000001.edx", 29)),
    (10, "LMA", Feature("80000001.edx", 29)), (11, "NXE", Feature("80000001.edx", 20)),
    (12, "SVME", Feature("80000001.ecx", 2)), (13, "LMSLE", None),
    (14, "FFXSR", Feature("80000001.edx", 25)),
)  # fmt: skip
"""The same of EFER (APM 2, 3.1.7); LMSLE is none of a processor that calls itself Intel's."""
_NAMES: Final = {"cr4": CR4_BITS, "efer": EFER_BITS}
_NEVER: Final = ("LMSLE",)


def _offered(table: tuple[tuple[int, str, Feature | None], ...]) -> int:
    return sum(
        1 << bit
        for bit, name, feature in table
        if name not in _NEVER and (feature is None or offers(feature))
    )


CR4_OFFERED: Final = _offered(CR4_BITS)
EFER_OFFERED: Final = _offered(EFER_BITS)


class Controls(Struct, frozen=True):
    """The state that a change is judged by."""

    cr0: int
    cr3: int
    cr4: int
    efer: int
    code_long: bool
    """CS.L."""
    narrow_task: bool
    """TR holds a 16-bit TSS."""
    physical_bits: int
    """Width of a guest-physical address, as CPUID 0x80000008 gives it."""

    @property
    def long_mode(self) -> bool:
        """IA-32e mode is active: EFER.LMA."""
        return bool(self.efer & EFER_LMA)


def refusal(now: Controls, register: ControlRegister, value: int) -> str | None:
    """Why writing 64 bits to a control register is #GP(0); None if it is not."""
    match register:
        case "cr0":
            return undefined_cr0(value) or _cr0(now, value)
        case "cr3":
            return beyond_memory(value, now.cr4, now.physical_bits)
        case "cr4":
            return not_offered("cr4", value) or _cr4(now, value)
        case "efer":
            return not_offered("efer", value) or _efer(now, value)


def efer_after(before: int, value: int) -> int:
    """EFER behind a write that is not refused: LMA can only be read."""
    return value & ~EFER_LMA | before & EFER_LMA


def undefined_cr0(value: int) -> str | None:
    """Bits of CR0 that exclude each other, or that must be 0."""
    if value >> 32:
        return f"CR0 {value:#x} has reserved bits set"
    if value & CR0_PG and not value & CR0_PE:
        return "CR0.PG is set without CR0.PE"
    if value & CR0_NW and not value & CR0_CD:
        return "CR0.NW is set without CR0.CD"
    return None


def not_offered(register: Literal["cr4", "efer"], value: int) -> str | None:
    """The first bit of CR4 or EFER that CPUID does not offer, by name."""
    wrong = value & ~(CR4_OFFERED if register == "cr4" else EFER_OFFERED)
    what = f"{register.upper()} {value:#x}"
    for bit, name, _ in _NAMES[register]:
        if wrong >> bit & 1:
            return f"{what} has {name} set, which CPUID does not offer"
    return f"{what} has reserved bits set" if wrong else None


def beyond_memory(cr3: int, cr4: int, physical_bits: int) -> str | None:
    """A root that no table can lie at."""
    place = cr3 & ~_NO_FLUSH if cr4 & CR4_PCIDE else cr3
    if place >> physical_bits:
        return f"CR3 {cr3:#x} is beyond the physical address space of {physical_bits} bits"
    return None


def _cr0(now: Controls, value: int) -> str | None:
    if not value & CR0_PG:
        if now.cr0 & CR0_PG and now.long_mode and now.code_long:
            return "CR0.PG is cleared in 64-bit mode"
        if now.cr0 & CR0_PG and now.cr4 & CR4_PCIDE:
            return "CR0.PG is cleared with CR4.PCIDE"
        return None
    if now.cr0 & CR0_PG or not now.efer & EFER_LME:
        return None
    if not now.cr4 & CR4_PAE:
        return "CR0.PG is set with EFER.LME and without CR4.PAE"
    if now.code_long:
        return "CR0.PG is set with EFER.LME and CS.L"
    if now.narrow_task:
        return "CR0.PG is set with EFER.LME and a 16-bit TSS"
    return None


def _cr4(now: Controls, value: int) -> str | None:
    if now.long_mode:
        if not value & CR4_PAE:
            return "CR4.PAE is cleared in long mode"
        if (value ^ now.cr4) & CR4_LA57:
            return "CR4.LA57 is changed in long mode"
    if value & ~now.cr4 & CR4_PCIDE:
        if not now.long_mode:
            return "CR4.PCIDE is set outside long mode"
        if now.cr3 & _PCID:
            return f"CR4.PCIDE is set while CR3 {now.cr3:#x} has bits 11:0 set"
    return None


def _efer(now: Controls, value: int) -> str | None:
    if now.cr0 & CR0_PG and (value ^ now.efer) & EFER_LME:
        return "EFER.LME is changed while CR0.PG is set"
    return None
