"""Writes to CR0 and CR4 in a TD: whose bits they are.

The oracle is intel/tdx-module: guest/host masks of `td_vmcs_init`, verdicts of
`write_guest_cr0` and `write_guest_cr4` for a TD whose XFAM has x87 and SSE alone and whose
ATTRIBUTES have no PKS, KL and LASS; IA32_VMX_CR0_FIXED0 is 0x80000021. The exit qualification
is SDM 3, table 28-3.
"""

from typing import Final

import pytest

from emu.hw.control import ControlRegister
from emu.vmm.asked import ControlWrite
from emu.vmm.effects import RaiseException, SetVeInfo, VeInfo
from emu.vmm.tdx import control
from tests.vmm.builder import Guest, of

REGISTERS: Final[dict[int, ControlRegister]] = {0: "cr0", 3: "cr3", 4: "cr4"}
CR0, CR4 = 0x8001_0021, 0x268
"""What a kernel has: PG, WP, NE, PE; MCE, PAE, DE, OSFXSR."""


def verdict(register: int, value: int) -> str:
    """`done`, `gp`, or `ve` with its information."""
    write = ControlWrite(3, REGISTERS[register], value, True, False, 7)
    effects = control.rules(Guest("tdx").caller(), write)
    raised = of(RaiseException, effects)
    if not raised:
        assert effects == ()
        return "done"
    if raised[0].vector == 13:
        assert raised[0].error_code == 0 and not of(SetVeInfo, effects)
        return "gp"
    assert of(SetVeInfo, effects) == [SetVeInfo(0, VeInfo(28, register | 7 << 8, 0, 0, 3))]
    return "ve"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (CR0, "done"),
        (CR0 & ~(1 << 31), "done"),  # PG is the TD's: it runs unrestricted
        (CR0 | 1 << 3, "done"),  # TS
        (CR0 & ~(1 << 16), "done"),  # WP
        (CR0 | 1 << 18, "done"),  # AM
        (CR0 & ~(1 << 5), "gp"),  # NE
        (CR0 & ~(1 << 5) | 1 << 30, "gp"),
        (CR0 | 1 << 30, "ve"),  # CD
        (CR0 | 1 << 29 | 1 << 30, "ve"),  # NW
        (0x20, "ve"),  # PE, with paging off
    ],
)
def test_cr0_has_bits_of_the_module_s(value: int, found: str) -> None:
    assert verdict(0, value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (CR4, "done"),
        (CR4 | 1 << 7, "done"),  # PGE
        (CR4 | 1 << 9 | 1 << 10, "done"),  # OSFXSR, OSXMMEXCPT
        (CR4 & ~(1 << 6), "ve"),  # MCE
        (CR4 | 1 << 13, "ve"),  # VMXE
        (CR4 | 1 << 14, "ve"),  # SMXE
        (CR4 | 1 << 19, "gp"),  # KL
        (CR4 | 1 << 22, "gp"),  # PKE
        (CR4 | 1 << 23, "gp"),  # CET
        (CR4 | 1 << 24, "gp"),  # PKS
        (CR4 | 1 << 25, "gp"),  # UINTR
        (CR4 | 1 << 27, "gp"),  # LASS
    ],
)
def test_cr4_has_bits_of_the_module_s(value: int, found: str) -> None:
    assert verdict(4, value) == found


def test_cr3_is_the_td_s() -> None:
    assert verdict(3, 0) == "done"
