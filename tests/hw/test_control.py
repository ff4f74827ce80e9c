"""Which writes to control registers a processor refuses: the conditions as the SDM lists them
(2B, "MOV: Move to/from Control Registers"; 3A, 2.5 and 10.8.5; 4, table 2-2)."""

import pytest
from msgspec.structs import replace

from emu.hw.control import Controls, efer_after, refusal

PE, NE, WP, NW, CD, PG = 1, 1 << 5, 1 << 16, 1 << 29, 1 << 30, 1 << 31
PAE, PGE, LA57, PCIDE = 1 << 5, 1 << 7, 1 << 12, 1 << 17
SCE, LME, LMA, NXE, SVME, LMSLE, FFXSR = 1, 1 << 8, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14

WIDE = Controls(
    cr0=PG | NE | PE, cr3=0x1000, cr4=PAE, efer=LME | LMA, code_long=True, narrow_task=False,
    physical_bits=40,
)  # fmt: skip
"""64-bit mode."""
NARROW = replace(WIDE, code_long=False)
"""Compatibility mode."""
LEGACY = replace(NARROW, cr0=PE, efer=LME)
"""Protected mode without paging, on the way to long mode."""
PAGED = replace(NARROW, efer=0)
"""Protected mode with PAE paging."""

REFUSED = [
    ("2.5: 63:32 of CR0 and CR4 are reserved", WIDE, "cr0", WIDE.cr0 | 1 << 32, "reserved"),
    ("2.5: 63:32 of CR0 and CR4 are reserved", WIDE, "cr4", PAE | 1 << 40, "reserved"),
    ("PG=1 with PE=0", WIDE, "cr0", PG, "CR0.PG is set without CR0.PE"),
    ("CD=0 with NW=1", WIDE, "cr0", WIDE.cr0 | NW, "CR0.NW is set without CR0.CD"),
    ("clear PG in 64-bit mode", WIDE, "cr0", PE, "CR0.PG is cleared in 64-bit mode"),
    ("clear PG with PCIDE", replace(NARROW, cr4=PAE | PCIDE), "cr0", PE, "with CR4.PCIDE"),
    ("PG with LME, without PAE", replace(LEGACY, cr4=0), "cr0", PG | PE, "without CR4.PAE"),
    ("PG with LME and CS.L", replace(LEGACY, code_long=True), "cr0", PG | PE, "and CS.L"),
    ("PG, LME, 16-bit TSS", replace(LEGACY, narrow_task=True), "cr0", PG | PE, "16-bit TSS"),
    ("CR3[63:MAXPHYADDR]", WIDE, "cr3", 1 << 40, "beyond the physical address space"),
    ("CR3[63] without PCIDE", WIDE, "cr3", 1 << 63, "beyond the physical address space"),
    ("leave IA-32e mode by PAE", WIDE, "cr4", 0, "CR4.PAE is cleared in long mode"),
    ("leave IA-32e mode by PAE", NARROW, "cr4", PGE, "CR4.PAE is cleared in long mode"),
    ("EFER.LME with CR0.PG", WIDE, "efer", LMA, "EFER.LME is changed while CR0.PG is set"),
    ("EFER.LME with CR0.PG", PAGED, "efer", LME, "EFER.LME is changed while CR0.PG is set"),
]
"""(condition, state, register, value, words of the reason)."""

ALLOWED = [
    ("CR0[31:0] reserved bits are ignored", WIDE, "cr0", WIDE.cr0 | 0x1FFA_FFC0),
    ("NW with CD", WIDE, "cr0", WIDE.cr0 | NW | CD),
    ("WP can change", WIDE, "cr0", WIDE.cr0 | WP),
    ("PG can be cleared in compatibility mode", NARROW, "cr0", PE),
    ("long mode is entered", LEGACY, "cr0", PG | PE),
    ("PAE paging with any CS.L", replace(PAGED, code_long=True, cr0=PE), "cr0", PG | PE),
    ("PAE can be cleared without long mode", LEGACY, "cr4", 0),
    ("CR3[11:0] is ignored without PCIDE", WIDE, "cr3", 0x1FFF),
    ("CR3 up to MAXPHYADDR", WIDE, "cr3", (1 << 40) - 0x1000),
    ("CR3[63] with PCIDE", replace(WIDE, cr4=PAE | PCIDE), "cr3", 1 << 63 | 0x1001),
    ("LME without paging", LEGACY, "efer", 0),
    ("the same again", WIDE, "efer", LME | LMA),
    ("LMA is read-only", WIDE, "efer", LME),
    ("SCE and NXE", WIDE, "efer", LME | LMA | NXE | SCE),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "now", "register", "value", "why"), REFUSED)
def test_a_refused_write(rule: str, now: Controls, register: str, value: int, why: str) -> None:
    found = refusal(now, register, value)  # type: ignore[arg-type]
    assert found is not None and why in found, rule


@pytest.mark.parametrize(("rule", "now", "register", "value"), ALLOWED)
def test_an_allowed_write(rule: str, now: Controls, register: str, value: int) -> None:
    assert refusal(now, register, value) is None, rule  # type: ignore[arg-type]


CR4 = {
    "VME": (0, False), "PVI": (1, False), "TSD": (2, True), "DE": (3, True), "PSE": (4, True),
    "MCE": (6, True), "PGE": (7, True), "PCE": (8, True), "OSFXSR": (9, True),
    "OSXMMEXCPT": (10, True), "UMIP": (11, False), "LA57": (12, False), "VMXE": (13, False),
    "SMXE": (14, False), "FSGSBASE": (16, True), "PCIDE": (17, False), "OSXSAVE": (18, True),
    "KL": (19, False), "SMEP": (20, True), "SMAP": (21, True), "PKE": (22, False),
    "CET": (23, False), "PKS": (24, False),
}  # fmt: skip
"""SDM 3A, 2.5, the bits of CR4; and whether this machine's CPUID has what they rest on."""


@pytest.mark.parametrize("name", CR4)
def test_a_bit_of_cr4_needs_its_bit_of_cpuid(name: str) -> None:
    bit, offered = CR4[name]
    found = refusal(LEGACY, "cr4", PAE | 1 << bit)
    assert (found is None) == offered
    assert (
        offered
        or found == f"CR4 {PAE | 1 << bit:#x} has {name} set, which CPUID does not offer"
    )


@pytest.mark.parametrize("bit", [15, *range(25, 64)])
def test_other_bits_of_cr4_are_reserved(bit: int) -> None:
    assert refusal(WIDE, "cr4", PAE | 1 << bit) is not None


@pytest.mark.parametrize("bit", range(64))
def test_bits_of_efer(bit: int) -> None:
    """SDM 4, table 2-2: SCE 0, LME 8, LMA 10, NXE 11; APM 2, 3.1.7 has more of them, for
    features that are not offered."""
    names = {12: "SVME", 13: "LMSLE", 14: "FFXSR"}
    found = refusal(WIDE, "efer", WIDE.efer | 1 << bit)
    assert (found is None) == (bit in (0, 8, 10, 11))
    assert bit not in names or f"has {names[bit]} set" in (found or "")


@pytest.mark.parametrize(("before", "value", "after"), [
    (LME | LMA, LME, LME | LMA), (LME, LME | LMA | NXE, LME | NXE),
    (LME | LMA | SCE, LME, LME | LMA),
])  # fmt: skip
def test_lma_can_only_be_read(before: int, value: int, after: int) -> None:
    assert efer_after(before, value) == after


@pytest.mark.parametrize(("rule", "now", "value"), [
    ("LA57 in long mode", WIDE, LA57 | PAE), ("PCIDE outside long mode", LEGACY, PCIDE | PAE),
    ("PCIDE with CR3[11:0]", replace(WIDE, cr3=0x1001), PCIDE | PAE),
])  # fmt: skip
def test_what_is_not_offered_is_refused_before_what_it_would_need(
    rule: str, now: Controls, value: int
) -> None:
    assert "CPUID does not offer" in (refusal(now, "cr4", value) or ""), rule
