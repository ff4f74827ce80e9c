"""The Hyper-V hypercalls, one file each, and the dispatcher that checks what they share."""

from emu.vmm.hypercalls.dispatch import HYPERCALLS, HypercallResult, dispatch, vmcall
from emu.vmm.hypercalls.page import hypercall_page

__all__ = ["HYPERCALLS", "HypercallResult", "dispatch", "hypercall_page", "vmcall"]
