"""TDG.VP.VMCALL (0): the guest shows the host chosen registers, and takes some of them back."""

from typing import Final

from emu.vmm.effects import Complete, Cost, Effects, Note, SetRegisters
from emu.vmm.hypercalls.dispatch import dispatch
from emu.vmm.state import Caller
from emu.vmm.tdx import ghci, map_gpa
from emu.vmm.tdx.abi import SHARED_BIT, Code, Operand
from emu.vmm.tdx.host import SUCCESS, HostCall, HostReply, Subfunction, invalid
from emu.vmm.tdx.leaf import Shown, TdcallLeaf, failed

SUBFUNCTIONS: Final = (*ghci.SUBFUNCTIONS, map_gpa.SUBFUNCTION)
"""What R11 may ask for when R10 is zero."""

_BY_NUMBER: Final = {entry.number: entry for entry in SUBFUNCTIONS}
_RESERVED: Final = 0xFFFF_FFFF_0000_0013
"""Mask bits that must be clear: RAX, RCX, RSP, and all above the XMM registers."""
_RBP: Final = 1 << 5
"""Must be clear too where CONFIG_FLAGS.NO_RBP_MOD is set (TDX module, tdg_vp_vmcall.c)."""
_FAST: Final = 1 << 16


def subfunction_of(number: int) -> Subfunction | None:
    """The subfunction of a number; None where there is none."""
    return _BY_NUMBER.get(number)


def subfunction_name(number: int) -> str:
    """What people call a subfunction: "MapGPA", or its number."""
    entry = _BY_NUMBER.get(number)
    return entry.name if entry else f"subfunction {number:#x}"


def _standard(call: HostCall) -> HostReply:
    number = call.register("r11")
    entry = _BY_NUMBER.get(number)
    reply = entry.handle(call) if entry else invalid(f"there is no subfunction {number:#x}")
    status = dict(reply.registers)["r10"]
    if status == SUCCESS:
        return reply
    why = f": {reply.why}" if reply.why else ""
    note = Note(f"VMCALL {subfunction_name(number)} -> R10 {status:#x}{why}", reply.why)
    return HostReply(reply.registers, (*reply.effects, note))


def _hyperv(call: HostCall) -> HostReply:
    """R10 is the control word, RDX and R8 the lists, R11 the result.

    The host reaches the shared copy only, with or without the shared bit in the address: what
    lies in a private page reads as ciphertext, and its status follows from that."""
    if not call.caller.platform.hyperv:
        return invalid("this host has no hypercalls")
    control, source, target = (call.register(name) for name in ("r10", "rdx", "r8"))
    if not control & _FAST:
        source, target = source & ~SHARED_BIT, target & ~SHARED_BIT
    result = dispatch(call.caller, control, source, target)
    cost = Cost(call.caller.platform.costs.hypercall_ns)
    return HostReply((("r11", result.value),), (*result.effects, cost))


def _vmcall(caller: Caller) -> Effects:
    """RCX is the mask. RAX is the module's word (0: the host was asked); all else is the
    host's, which sees and sets the registers in the mask only."""
    mask = caller.registers("rcx")
    refused = _RESERVED | (_RBP if caller.platform.no_rbp_mod else 0)
    if mask & refused:
        return failed(Code.OPERAND_INVALID, Operand.RCX, f"VP.VMCALL mask {mask:#x}")
    call = HostCall(caller, mask)
    reply = _hyperv(call) if call.register("r10") else _standard(call)
    given = tuple(pair for pair in reply.registers if call.exposed(pair[0]))
    return (*reply.effects, SetRegisters((("rax", 0), *given)), Complete())


LEAVES: Final = (TdcallLeaf(0, "VP.VMCALL", _vmcall, (Shown("rcx", "mask"),)),)
