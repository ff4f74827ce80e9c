"""HvCallStartVirtualProcessor (0x99): a virtual processor begins to run in the caller's VTL."""

from typing import Final

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa
from emu.vmm.effects import StartVp, VpContext
from emu.vmm.hypercalls import context, vmsa
from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status, refuse
from emu.vmm.hypercalls.enable_vp_vtl import HEADER, WORDS
from emu.vmm.hypercalls.target import own_vtl, vp_in_vtl
from emu.vmm.state import Caller


def _not_startable(caller: Caller, vp: int) -> Answer | None:
    """Refusals that depend on the virtual processor's own state.

    Starting oneself: the two public implementations differ, so a TD gets the answer of the
    confidential one (bad VP index) and others that of the plain one (bad parameter)."""
    if vp == caller.cpu:
        confidential = caller.platform.isolation == "tdx"
        status = Status.INVALID_VP_INDEX if confidential else Status.INVALID_PARAMETER
        return refuse(status, f"VP {vp} tried to start itself")
    if own_vtl(caller) and not caller.vmm.vps[vp].vtl2_enabled:
        return refuse(Status.INVALID_VP_STATE, f"VTL 2 is not enabled on VP {vp}")
    if caller.vmm.vps[vp].started:
        return refuse(Status.INVALID_VP_STATE, f"VP {vp} is started already")
    return None


def _start_state(caller: Caller, data: bytes) -> tuple[VpContext | None, str | None]:
    """The state to start in and what is wrong with it.

    The host cannot set a TD's registers: there the context must be zero, and the processor
    starts at the reset vector."""
    if caller.platform.isolation == "tdx":
        return None, "a TD's context must be zero" if any(data) else None
    if caller.platform.isolation == "snp":
        return _from_vmsa(caller, int.from_bytes(data[:8], "little"))
    parsed = context.parse(data)
    return parsed, context.invalid(parsed)


def _from_vmsa(caller: Caller, word: int) -> tuple[VpContext | None, str | None]:
    """An SNP guest gives the page of its new CPU's state: the address, and bit 0 set (Linux,
    arch/x86/hyperv/ivm.c, hv_snp_boot_ap)."""
    if word & PAGE_MASK != 1:
        return None, f"{word:#x} is no VMSA's address with bit 0 set"
    page = Gpa(word & ~PAGE_MASK)
    if caller.memory.state(page) != "private":
        return None, f"the VMSA at {page:#x} is no private page"
    data = caller.memory.read(page, PAGE_BYTES)
    assert data is not None, "a private page has memory"
    return vmsa.parse(data), vmsa.invalid(data)


def _start(request: Request) -> Answer:
    caller = request.caller
    vp = vp_in_vtl(caller, HEADER.unpack_from(request.data))
    if isinstance(vp, Answer):
        return vp
    refusal = _not_startable(caller, vp)
    if refusal is not None:
        return refusal
    state, problem = _start_state(caller, request.data[HEADER.size :])
    if problem is not None:
        return refuse(Status.INVALID_REGISTER_VALUE, f"VP {vp}: {problem}")
    where = "the reset vector" if state is None else f"{state.rip:#x}"
    return Answer(why=f"VP {vp} starts at {where}", effects=(StartVp(vp, state),))


CALL: Final = Hypercall(
    0x99,
    "StartVirtualProcessor",
    _start,
    WORDS,
    header_bytes=HEADER.size + context.CONTEXT_BYTES,
)
