"""Control registers in a TD: what the TDX module adds to the processor's own checks.

Sources: intel/tdx-module, `td_vmcs_init` (which bits are the module's: the guest/host masks),
`write_guest_cr0` and `write_guest_cr4` (what becomes of a write to them).
"""

from typing import Final

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


def write(caller: Caller, register: int, value: int, size: int, general: int) -> Effects:
    """What the module does with MOV of a value to CR0 or CR4, from the general register of that
    number; nothing, if the write is the TD's own affair. `size`: bytes of the instruction."""
    refused = {0: _cr0, 4: _cr4}.get(register)
    verdict = refused(value) if refused is not None else ""
    what = f"MOV to CR{register} of {value:#x}"
    if verdict == "gp":
        why = f"{what}, which the TDX module refuses: the TD is not configured for it"
        return (RaiseException(_GENERAL, 0, why),)
    if verdict == "ve":
        qualification = register | general << 8  # SDM 3, table 28-3: access type 0
        return of_instruction(caller, Reason.CR_ACCESS, size, what, qualification)
    return ()


def _cr0(value: int) -> str:
    """NE set is what VMX wants of any guest (IA32_VMX_CR0_FIXED0), and so is #GP."""
    if not value & CR0_NE:
        return "gp"
    return "ve" if not value & CR0_PE or value & (CR0_NW | CR0_CD) else ""


def _cr4(value: int) -> str:
    if value & _NOT_CONFIGURED:
        return "gp"
    return "ve" if not value & CR4_MCE or value & (CR4_VMXE | CR4_SMXE) else ""
