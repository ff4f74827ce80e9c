"""Control registers in a TD: what the TDX module adds to the processor's own checks.

Sources: intel/tdx-module, `td_vmcs_init` (which bits are the module's: the guest/host masks),
`write_guest_cr0`, `write_guest_cr4` and `wrmsr_ia32_efer` (what becomes of a write to them).
"""

from typing import Final, Literal

from emu.hw.control import efer_after
from emu.vmm.asked import ControlWrite
from emu.vmm.effects import Effects, RaiseException
from emu.vmm.state import Caller
from emu.vmm.ve import Reason, of_instruction

_GENERAL: Final = 13
CR0_PE, CR0_NE, CR0_NW, CR0_CD = 1 << 0, 1 << 5, 1 << 29, 1 << 30
CR4_MCE, CR4_VMXE, CR4_SMXE = 1 << 6, 1 << 13, 1 << 14
CR4_PKE, CR4_CET, CR4_PKS, CR4_UINTR, CR4_KL, CR4_LASS = (
    1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 19, 1 << 27,
)  # fmt: skip
_NOT_CONFIGURED: Final = CR4_PKE | CR4_CET | CR4_PKS | CR4_UINTR | CR4_KL | CR4_LASS
"""Needs a bit of XFAM or of ATTRIBUTES that this TD lacks."""
EFER: Final = 0xC000_0080
EFER_SCE: Final = 1
_NUMBERS: Final = {"cr0": 0, "cr4": 4}

Instead = Literal["", "#GP", "#VE"]


def rules(caller: Caller, asked: ControlWrite) -> Effects:
    """What the module does instead of a write to CR0, CR4 or EFER; nothing, if the write is the
    TD's own affair."""
    register, value = asked.register, asked.value
    if register == "efer":
        return _efer(caller, value, asked.size)
    verdict = {"cr0": _cr0, "cr4": _cr4}.get(register, lambda _: "")(value)
    what = f"MOV to {register.upper()} of {value:#x}"
    if verdict == "#GP":
        why = f"{what}, which the TDX module refuses: the TD is not configured for it"
        return (RaiseException(_GENERAL, 0, why),)
    if verdict == "#VE":
        # SDM 3, table 28-3: access type 0
        qualification = _NUMBERS[register] | asked.general << 8
        return of_instruction(caller, Reason.CR_ACCESS, asked.size, what, qualification)
    return ()


def _efer(caller: Caller, value: int, size: int) -> Effects:
    """SCE is the TD's; any other change is a #VE."""
    before = caller.registers("efer")
    if not (efer_after(before, value) ^ before) & ~EFER_SCE:
        return ()
    what = f"WRMSR of EFER ({EFER:#x}) that changes more than SCE"
    return of_instruction(caller, Reason.WRMSR, size, what)


def _cr0(value: int) -> Instead:
    """NE set is what VMX wants of any guest (IA32_VMX_CR0_FIXED0), and so is #GP."""
    if not value & CR0_NE:
        return "#GP"
    return "#VE" if not value & CR0_PE or value & (CR0_NW | CR0_CD) else ""


def _cr4(value: int) -> Instead:
    if value & _NOT_CONFIGURED:
        return "#GP"
    return "#VE" if not value & CR4_MCE or value & (CR4_VMXE | CR4_SMXE) else ""
