"""#VE: how the TDX module tells a trust domain that the host would have to help."""

from typing import Final

from emu.vmm.effects import Effects, RaiseException, SetVeInfo, VeInfo
from emu.vmm.state import Caller

VE: Final = 20
DOUBLE_FAULT: Final = 8
RDMSR, WRMSR = 31, 32
"""VMX basic exit reasons (SDM 3, appendix C)."""
_MSR_BYTES: Final = 2


def virtualization_exception(caller: Caller, reason: int, why: str) -> Effects:
    """#VE with its information recorded; #DF while the last one was not read yet.

    `reason` is the VMX exit reason of a two-byte instruction that touches no memory."""
    if caller.vmm.ve_info.get(caller.cpu) is not None:
        return (RaiseException(DOUBLE_FAULT, 0, f"{why}, but the last #VE was never read"),)
    return (
        SetVeInfo(caller.cpu, VeInfo(reason, 0, 0, 0, _MSR_BYTES)),
        RaiseException(VE, None, why),
    )
