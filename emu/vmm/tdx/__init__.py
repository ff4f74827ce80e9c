"""The TDX module: TDCALL by leaf, #VE, and the guest-host interface behind VP.VMCALL."""

from emu.vmm.tdx.cpuid import cpuid
from emu.vmm.tdx.dispatch import leaf_name, tdcall
from emu.vmm.tdx.instructions import instruction, not_shared
from emu.vmm.tdx.msr import rdmsr, wrmsr
from emu.vmm.tdx.vmcall import subfunction_name

__all__ = [
    "cpuid", "instruction", "leaf_name", "not_shared", "rdmsr", "subfunction_name", "tdcall",
    "wrmsr",
]  # fmt: skip
