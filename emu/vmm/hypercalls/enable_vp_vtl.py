"""HvCallEnableVpVtl (0x0F): gives a virtual processor its VTL 2, before it can be started."""

import struct
from typing import Final

from emu.vmm.effects import EnableVtl
from emu.vmm.hypercalls import context
from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status, refuse
from emu.vmm.hypercalls.operands import fields, together
from emu.vmm.hypercalls.target import own_vtl, vp_in_vtl, vtl2_enabled

HEADER: Final = struct.Struct("<QIB3s")
"""Partition, VP index, VTL, reserved; the 224-byte context follows."""


def _enable(request: Request) -> Answer:
    """The context is for the first entry to the VTL. All zero (as in a TD) is the reset
    state; anything else must be a state that a processor can be in."""
    caller = request.caller
    vp = vp_in_vtl(caller, HEADER.unpack_from(request.data))
    if isinstance(vp, Answer):
        return vp
    vtl = own_vtl(caller)
    if not vtl or vtl2_enabled(caller, vp):
        return refuse(Status.VTL_ALREADY_ENABLED, f"VP {vp} has VTL {vtl} already")
    start = request.data[HEADER.size :]
    judged = any(start) and caller.platform.isolation != "snp"  # there it is a VMSA's address
    problem = context.invalid(context.parse(start)) if judged else None
    if problem is not None:
        return refuse(Status.INVALID_REGISTER_VALUE, f"VP {vp}: {problem}")
    return Answer(why=f"VP {vp} gets VTL {vtl}", effects=(EnableVtl(vp, vtl),))


def _context(data: bytes, first: int, count: int) -> str:
    return f"context={context.words(data[HEADER.size :])}"


WORDS: Final = together(fields(HEADER, "partition", "vp", "vtl", ""), _context)
CALL: Final = Hypercall(
    0x0F, "EnableVpVtl", _enable, WORDS, header_bytes=HEADER.size + context.CONTEXT_BYTES
)
