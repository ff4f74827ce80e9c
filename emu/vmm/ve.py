"""#VE: how the TDX module tells a trust domain that the host would have to help.

Numbers and layouts: SDM 3, appendix C and section 28.2.1; which information comes with which
reason: intel/tdx-module, `tdx_inject_ve`.
"""

from enum import IntEnum
from typing import Final

from emu.vmm.effects import Effects, RaiseException, SetVeInfo, VeInfo
from emu.vmm.state import Caller

VE: Final = 20
DOUBLE_FAULT: Final = 8


class Reason(IntEnum):
    """VMX basic exit reasons that become a #VE."""

    CPUID = 10
    HLT = 12
    INVD = 13
    VMCALL = 18
    CR_ACCESS = 28
    IO = 30
    RDMSR = 31
    WRMSR = 32
    EPT_VIOLATION = 48
    WBINVD = 54


_INSTEAD: Final = {
    Reason.CPUID: "the host answers TDG.VP.VMCALL<Instruction.CPUID>",
    Reason.HLT: "the host does it for TDG.VP.VMCALL<Instruction.HLT>",
    Reason.INVD: "a TD has no use for it",
    Reason.VMCALL: "the host is called by TDG.VP.VMCALL",
    Reason.CR_ACCESS: "the TDX module owns these bits",
    Reason.IO: "the host does it for TDG.VP.VMCALL<Instruction.IO>",
    Reason.RDMSR: "the host answers TDG.VP.VMCALL<Instruction.RDMSR>",
    Reason.WRMSR: "the host does it for TDG.VP.VMCALL<Instruction.WRMSR>",
    Reason.EPT_VIOLATION: "MapGPA shares a page, TDG.VP.VMCALL<#VE.RequestMMIO> asks a device",
    Reason.WBINVD: "the host does it for TDG.VP.VMCALL<Instruction.WBINVD>",
}
"""What a TD does that wants it (GHCI 1.5, section 3)."""


def virtualization_exception(caller: Caller, info: VeInfo, what: str) -> Effects:
    """#VE with its information recorded; #DF while the last one was not read yet. `what`: the
    instruction or the access, in a word or two."""
    reason = Reason(info.reason)
    why = f"#VE: {what} (exit reason {reason:d}): {_INSTEAD[reason]}"
    if caller.vmm.ve_info.get(caller.cpu) is not None:
        return (RaiseException(DOUBLE_FAULT, 0, f"{why}, but the last #VE was never read"),)
    return (SetVeInfo(caller.cpu, info), RaiseException(VE, None, why))


def of_instruction(
    caller: Caller, reason: Reason, size: int, what: str, qualification: int = 0,
    information: int = 0,
) -> Effects:  # fmt: skip
    """#VE for an instruction of `size` bytes; one of these names no address."""
    info = VeInfo(reason, qualification, 0, 0, size, information)
    return virtualization_exception(caller, info, f"{what} in a TD")
