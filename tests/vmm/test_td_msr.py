"""The MSRs of a TD against the TDX module's own table.

`TABLE` is intel/tdx-module, `include/auto_gen/msr_config_lookup.c` of branch tdx_1.5, row by
row: (first, last, bit of a read, action, bit of a write, action). "0" and "1": the MSR bitmap's
bit is fixed, so that the access never exits, or always does; any other word: it depends on what
the TD was configured with, and ours with none of it. GP_OR_VE depends on CPUID
(`rd_wr_msr_generic_case`).
"""

from typing import Final

import pytest

from emu.hw.control import efer_after
from emu.vmm.asked import ControlWrite, Rdmsr, Wrmsr
from emu.vmm.cpuid import read_cpuid
from emu.vmm.effects import Complete, Effects, RaiseException, SetRegisters, SetVeInfo, VeInfo
from emu.vmm.tdx import rdmsr, wrmsr
from emu.vmm.tdx.control import rules
from tests.vmm.builder import Guest, of

TABLE: Final = (
    (0x10, 0x10, "0", "", "1", "VE"),
    (0x48, 0x48, "0", "", "0", ""),
    (0x49, 0x49, "0", "", "0", ""),
    (0x87, 0x87, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x8C, 0x8F, "1", "GP", "1", "GP"),
    (0x98, 0x98, "1", "GP", "1", "GP"),
    (0x99, 0x99, "1", "GP", "1", "GP"),
    (0x9A, 0x9A, "1", "GP", "1", "GP"),
    (0x9B, 0x9B, "1", "GP", "1", "GP"),
    (0x9E, 0x9E, "1", "GP", "1", "GP"),
    (0xBC, 0xBC, "0", "", "1", "VE"),
    (0xBD, 0xBD, "1", "OTHER", "0", ""),
    (0xC1, 0xC8, "perfmon", "GP", "perfmon", "GP"),
    (0xE1, 0xE1, "umwait", "GP", "umwait", "GP"),
    (0x10A, 0x10A, "1", "OTHER", "0", ""),
    (0x10B, 0x10B, "0", "", "0", ""),
    (0x122, 0x122, "tsx", "GP", "tsx", "GP"),
    (0x174, 0x174, "0", "", "0", ""),
    (0x175, 0x175, "0", "", "0", ""),
    (0x176, 0x176, "0", "", "0", ""),
    (0x186, 0x18D, "perfmon", "GP", "perfmon", "GP"),
    (0x195, 0x195, "1", "GP", "1", "GP"),
    (0x1A0, 0x1A0, "perfmon", "OTHER", "1", "VE"),
    (0x1A6, 0x1A7, "perfmon", "GP", "perfmon", "GP"),
    (0x1C4, 0x1C4, "xfd", "GP", "xfd", "GP"),
    (0x1C5, 0x1C5, "xfd", "GP", "xfd", "GP"),
    (0x1D9, 0x1D9, "1", "OTHER", "1", "OTHER"),
    (0x1F8, 0x1F8, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x1F9, 0x1F9, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x1FA, 0x1FA, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x276, 0x276, "1", "GP", "1", "GP"),
    (0x277, 0x277, "0", "", "0", ""),
    (0x309, 0x310, "perfmon", "GP", "perfmon", "GP"),
    (0x329, 0x329, "other", "GP", "other", "GP"),
    (0x345, 0x345, "other", "OTHER", "perfmon", "GP"),
    (0x38D, 0x38D, "perfmon", "GP", "perfmon", "GP"),
    (0x38E, 0x38E, "perfmon", "GP", "perfmon", "GP"),
    (0x38F, 0x38F, "perfmon", "GP", "perfmon", "GP"),
    (0x390, 0x390, "perfmon", "GP", "perfmon", "GP"),
    (0x391, 0x391, "perfmon", "GP", "perfmon", "GP"),
    (0x392, 0x392, "perfmon", "GP", "perfmon", "GP"),
    (0x3F1, 0x3F1, "perfmon", "GP", "perfmon", "GP"),
    (0x3F2, 0x3F2, "perfmon", "GP", "perfmon", "GP"),
    (0x3F6, 0x3F6, "perfmon", "GP", "perfmon", "GP"),
    (0x3F7, 0x3F7, "perfmon", "GP", "perfmon", "GP"),
    (0x480, 0x480, "1", "OTHER", "1", "GP"),
    (0x481, 0x481, "1", "VE", "1", "GP"),
    (0x482, 0x482, "1", "VE", "1", "GP"),
    (0x483, 0x483, "1", "VE", "1", "GP"),
    (0x484, 0x484, "1", "VE", "1", "GP"),
    (0x485, 0x485, "1", "OTHER", "1", "GP"),
    (0x486, 0x486, "1", "OTHER", "1", "GP"),
    (0x487, 0x487, "1", "OTHER", "1", "GP"),
    (0x488, 0x488, "1", "OTHER", "1", "GP"),
    (0x489, 0x489, "1", "OTHER", "1", "GP"),
    (0x48A, 0x48A, "1", "VE", "1", "GP"),
    (0x48B, 0x48B, "1", "OTHER", "1", "GP"),
    (0x48C, 0x48C, "1", "OTHER", "1", "GP"),
    (0x48D, 0x48D, "1", "OTHER", "1", "GP"),
    (0x48E, 0x48E, "1", "OTHER", "1", "GP"),
    (0x48F, 0x48F, "1", "OTHER", "1", "GP"),
    (0x490, 0x490, "1", "OTHER", "1", "GP"),
    (0x491, 0x491, "1", "OTHER", "1", "GP"),
    (0x492, 0x492, "1", "OTHER", "1", "GP"),
    (0x4C1, 0x4C8, "perfmon", "GP", "perfmon", "GP"),
    (0x500, 0x500, "1", "GP", "1", "GP"),
    (0x560, 0x560, "pt", "GP", "pt", "GP"),
    (0x561, 0x561, "pt", "GP", "pt", "GP"),
    (0x570, 0x570, "pt", "GP", "pt", "GP"),
    (0x571, 0x571, "pt", "GP", "pt", "GP"),
    (0x572, 0x572, "pt", "GP", "pt", "GP"),
    (0x580, 0x580, "pt", "GP", "pt", "GP"),
    (0x581, 0x581, "pt", "GP", "pt", "GP"),
    (0x582, 0x582, "pt", "GP", "pt", "GP"),
    (0x583, 0x583, "pt", "GP", "pt", "GP"),
    (0x584, 0x584, "pt", "GP", "pt", "GP"),
    (0x585, 0x585, "pt", "GP", "pt", "GP"),
    (0x586, 0x586, "pt", "GP", "pt", "GP"),
    (0x587, 0x587, "pt", "GP", "pt", "GP"),
    (0x600, 0x600, "0", "", "0", ""),
    (0x6A0, 0x6A0, "cet", "GP", "cet", "GP"),
    (0x6A2, 0x6A2, "cet", "GP", "cet", "GP"),
    (0x6A4, 0x6A4, "cet", "GP", "cet", "GP"),
    (0x6A5, 0x6A5, "cet", "GP", "cet", "GP"),
    (0x6A6, 0x6A6, "cet", "GP", "cet", "GP"),
    (0x6A7, 0x6A7, "cet", "GP", "cet", "GP"),
    (0x6A8, 0x6A8, "cet", "GP", "cet", "GP"),
    (0x6E0, 0x6E0, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x6E1, 0x6E1, "pks", "GP", "pks", "GP"),
    (0x800, 0x801, "1", "GP", "1", "GP"),
    (0x804, 0x807, "1", "GP", "1", "GP"),
    (0x808, 0x808, "0", "", "0", ""),
    (0x809, 0x809, "0", "", "0", ""),
    (0x80A, 0x80A, "0", "", "0", ""),
    (0x80B, 0x80B, "0", "", "0", ""),
    (0x80C, 0x80C, "0", "", "0", ""),
    (0x80E, 0x80E, "0", "", "0", ""),
    (0x810, 0x817, "0", "", "0", ""),
    (0x818, 0x81F, "0", "", "0", ""),
    (0x820, 0x827, "0", "", "0", ""),
    (0x829, 0x82E, "1", "GP", "1", "GP"),
    (0x831, 0x831, "1", "GP", "1", "GP"),
    (0x83F, 0x83F, "0", "", "0", ""),
    (0x840, 0x87F, "1", "GP", "1", "GP"),
    (0x880, 0x8BF, "1", "GP", "1", "GP"),
    (0x8C0, 0x8FF, "1", "GP", "1", "GP"),
    (0x981, 0x981, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x982, 0x982, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x983, 0x983, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x984, 0x984, "1", "GP_OR_VE", "1", "GP_OR_VE"),
    (0x985, 0x985, "uli", "GP", "uli", "GP"),
    (0x986, 0x986, "uli", "GP", "uli", "GP"),
    (0x987, 0x987, "uli", "GP", "uli", "GP"),
    (0x988, 0x988, "uli", "GP", "uli", "GP"),
    (0x989, 0x989, "uli", "GP", "uli", "GP"),
    (0x98A, 0x98A, "uli", "GP", "uli", "GP"),
    (0xC80, 0xC80, "0", "", "1", "VE"),
    (0xD90, 0xD90, "1", "GP", "1", "GP"),
    (0xD93, 0xD93, "1", "GP", "1", "GP"),
    (0xDA0, 0xDA0, "0", "", "1", "OTHER"),
    (0x1200, 0x12FF, "lbr", "GP", "lbr", "GP"),
    (0x14CE, 0x14CE, "lbr", "GP", "lbr", "GP"),
    (0x14CF, 0x14CF, "lbr", "GP", "lbr", "GP"),
    (0x1500, 0x15FF, "lbr", "GP", "lbr", "GP"),
    (0x1600, 0x16FF, "lbr", "GP", "lbr", "GP"),
    (0x1B01, 0x1B01, "0", "", "0", ""),
    (0xC000_0080, 0xC000_0080, "0", "", "1", "OTHER"),
    (0xC000_0081, 0xC000_0081, "0", "", "0", ""),
    (0xC000_0082, 0xC000_0082, "0", "", "0", ""),
    (0xC000_0084, 0xC000_0084, "0", "", "0", ""),
    (0xC000_0100, 0xC000_0100, "0", "", "0", ""),
    (0xC000_0101, 0xC000_0101, "0", "", "0", ""),
    (0xC000_0102, 0xC000_0102, "0", "", "0", ""),
    (0xC000_0103, 0xC000_0103, "0", "", "0", ""),
)
CONFIGURED: Final = {
    **dict.fromkeys((0x1F8, 0x1F9, 0x1FA), (1, 2, 18)),
    **dict.fromkeys((0x981, 0x982, 0x983, 0x984), (7, 2, 13)),
    0x87: (7, 3, 18), 0x6E0: (1, 2, 24),
}  # fmt: skip
"""Which bit of CPUID (leaf, register, bit) makes an MSR the host's: DCA, TME, PCONFIG, and
TSC_DEADLINE."""
READ, WRITE = 31, 32
"""Exit reasons of RDMSR and WRMSR (SDM 3, appendix C)."""
AROUND: Final = (
    0x0, 0x11, 0x17, 0x1B, 0x3A, 0x3B, 0x79, 0x8B, 0xCE, 0xFE, 0x179, 0x17A, 0x19A, 0x200,
    0x2FF, 0x400, 0x802, 0x803, 0x80D, 0x80F, 0x828, 0x830, 0x832, 0x838, 0x839, 0x83E, 0x1FFF,
    0x2000, 0x4000_0000, 0x4000_0001, 0xC000_0083, 0xC000_1FFF, 0xC000_2000, 0xC001_0015,
    0xFFFF_FFFF,
)  # fmt: skip
"""MSRs that the table does not have, APIC_BASE, TSC_ADJUST, APICID, ICR, CSTAR among them."""


def wanted(number: int, bit: str, action: str) -> str:
    """What the table says of an access: native, ve, gp, or the module's own business."""
    if bit == "0":
        return "native"
    if action == "GP_OR_VE":
        leaf, register, place = CONFIGURED[number]
        answer = read_cpuid(Guest("tdx").caller(), leaf, 0)
        return "ve" if answer[register] >> place & 1 else "gp"
    return {"VE": "ve", "GP": "gp", "OTHER": "module"}[action]


ROWS: Final = [
    (number, wanted(number, *bits[:2]), wanted(number, *bits[2:]))
    for first, last, *bits in TABLE
    for number in sorted({first, (first + last) // 2, last})
]


def seen(effects: Effects, reason: int) -> str:
    """What became of an access."""
    raised = of(RaiseException, effects)
    if not raised:
        assert Complete() in effects
        return "done"
    (one,) = raised
    if one.vector == 20:
        assert of(SetVeInfo, effects) == [SetVeInfo(0, VeInfo(reason, 0, 0, 0, 2))]
        return "ve"
    assert (one.vector, one.error_code) == (13, 0)
    return "gp"


def read(number: int) -> str:
    """RDMSR by a TD's CPU."""
    return seen(rdmsr(Guest("tdx").caller(), Rdmsr(2, number)), READ)


def write(number: int, value: int, **registers: int) -> str:
    """WRMSR by a TD's CPU."""
    effects = wrmsr(Guest("tdx").caller(**registers), Wrmsr(2, number, value))
    return seen(effects, WRITE)


@pytest.mark.parametrize(("number", "reads", "writes"), ROWS)
def test_the_module_s_table_decides(number: int, reads: str, writes: str) -> None:
    """What is native or the module's own may be #GP for other reasons, but is never a #VE."""
    for verdict, found in ((reads, read(number)), (writes, write(number, 0, efer=0))):
        if verdict in ("native", "module"):
            assert found in ("done", "gp")
        else:
            assert found == verdict


@pytest.mark.parametrize("number", AROUND)
def test_what_is_not_in_the_table_is_the_host_s(number: int) -> None:
    assert not any(first <= number <= last for first, last, *_ in TABLE)
    assert (read(number), write(number, 0)) == ("ve", "ve")


@pytest.mark.parametrize(
    ("number", "value"), [(0x10, 0), (0xBD, 1), (0x10A, 0), (0x345, 0), (0x1D9, 0), (0xDA0, 0)]
)
def test_what_the_module_answers(number: int, value: int) -> None:
    effects = rdmsr(Guest("tdx").caller(), Rdmsr(2, number))
    assert of(SetRegisters, effects) == [SetRegisters((("rax", value), ("rdx", 0)))]


START = 0x901
"""EFER of a vCPU that begins (`td_vmcs_init`); LMA is bit 10."""


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        (START, START, START),
        (START, 0x900, 0x900),
        (0x900, START, START),
        (0xD01, 0xD00, 0xD00),
        (0xD01, 0x900, 0xD00),  # LMA is read-only
        (START, 0xD01, START),
        (START, 0x801, None),  # LME
        (START, 0x101, None),  # NXE
        (0xD01, 0x1D01, None),  # SVME
        (START, 1 << 63 | START, None),
    ],
)
def test_of_efer_a_td_changes_sce_alone(before: int, value: int, after: int | None) -> None:
    asked = ControlWrite(2, "efer", value, True, False)
    effects = rules(Guest("tdx").caller(efer=before), asked)
    if after is None:
        assert seen(effects, WRITE) == "ve"
    else:
        assert effects == () and efer_after(before, value) == after


@pytest.mark.parametrize(
    ("value", "found"),
    [(0, "done"), (3, "done"), (0x40, "ve"), (0xC0, "done"), (1 << 14, "gp"), (1 << 15, "gp"),
     (8, "gp"), (1 << 16, "gp"), (1 << 13, "done")],
)  # fmt: skip
def test_debugctl_takes_what_wrmsr_ia32_debugctl_takes(value: int, found: str) -> None:
    assert write(0x1D9, value) == found


@pytest.mark.parametrize(("value", "found"), [(0, "done"), (1 << 8, "gp"), (1 << 11, "gp")])
def test_xss_has_no_state_that_xfam_lacks(value: int, found: str) -> None:
    assert write(0xDA0, value) == found


def test_a_prefix_is_part_of_the_instruction_that_is_told_of() -> None:
    (put,) = of(SetVeInfo, rdmsr(Guest("tdx").caller(), Rdmsr(3, 0x1B)))
    assert put.info == VeInfo(READ, 0, 0, 0, 3)


def test_a_second_exception_before_the_first_is_read_is_a_double_fault() -> None:
    guest = Guest("tdx")
    guest.vmm.ve_info[0] = VeInfo(READ, 0, 0, 0, 2)
    effects = rdmsr(guest.caller(), Rdmsr(2, 0x4000_0000))
    (raised,) = of(RaiseException, effects)
    assert (raised.vector, raised.error_code) == (8, 0)
    assert not of(SetVeInfo, effects), "the first one's information is kept"


def test_the_event_says_what_a_td_would_do_instead() -> None:
    (raised,) = of(RaiseException, rdmsr(Guest("tdx").caller(), Rdmsr(2, 0x802)))
    assert raised.why == (
        "#VE: RDMSR of X2APIC_APICID (0x802) in a TD (exit reason 31): the host answers "
        "TDG.VP.VMCALL<Instruction.RDMSR>"
    )
