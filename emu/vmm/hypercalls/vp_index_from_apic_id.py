"""HvCallGetVpIndexFromApicId (0x9A): which virtual processor has an APIC id."""

import struct
from typing import Final

from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status
from emu.vmm.hypercalls.operands import elements, fields, together
from emu.vmm.hypercalls.target import vtl2_enabled, wrong_partition, wrong_vtl
from emu.vmm.plugged import is_out
from emu.vmm.state import Caller

_HEADER: Final = struct.Struct("<QB7s")
"""Partition, VTL, reserved; then APIC ids of 32 bits."""


_ID: Final = struct.Struct("<I")


def _look_up(caller: Caller, apic_id: int, vtl: int) -> tuple[Status, str, int]:
    for vp, state in enumerate(caller.vmm.vps):
        if state.apic_id == apic_id and not is_out(caller.vmm, vp):
            if vtl and not vtl2_enabled(caller, vp):
                return Status.INVALID_VTL_STATE, f"VP {vp} has no VTL {vtl} yet: ask VTL 0", 0
            return Status.SUCCESS, "", vp
    return Status.INVALID_PARAMETER, f"no VP has APIC id {apic_id:#x}", 0


def _find(request: Request) -> Answer:
    """Stops at the first id that fails; the indexes before it are written."""
    partition, vtl, reserved = _HEADER.unpack_from(request.data)
    refusal = wrong_partition(partition) or (
        wrong_vtl(request.caller, vtl, reserved) if vtl else None
    )
    if refusal is not None:
        return refusal
    ids = struct.unpack_from(f"<{request.count}I", request.data, _HEADER.size)
    found = bytearray()
    for done in range(request.first, request.count):
        status, why, vp = _look_up(request.caller, ids[done], vtl)
        if status is not Status.SUCCESS:
            return Answer(status, why, done, bytes(found))
        found += vp.to_bytes(4, "little")
    return Answer(why=f"{len(ids)} ids", done=request.count, output=bytes(found))


CALL: Final = Hypercall(
    0x9A,
    "GetVpIndexFromApicId",
    _find,
    together(fields(_HEADER, "partition", "vtl", ""), elements("ids", _HEADER.size, _ID)),
    header_bytes=_HEADER.size,
    element_bytes=4,
    output_element_bytes=4,
    rep=True,
)
