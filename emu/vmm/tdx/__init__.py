"""The TDX module: TDCALL by leaf, #VE, and the guest-host interface behind VP.VMCALL."""

from emu.vmm.tdx.dispatch import leaf_name, tdcall
from emu.vmm.tdx.vmcall import subfunction_name

__all__ = ["leaf_name", "subfunction_name", "tdcall"]
