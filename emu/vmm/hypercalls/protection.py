"""HvCallModifyVtlProtectionMask (0x0C): what lower trust levels may do with pages."""

import struct
from typing import Final

from emu.hw.address import Gpa
from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status, refuse
from emu.vmm.hypercalls.operands import elements, fields, together
from emu.vmm.hypercalls.target import wrong_input_vtl, wrong_partition
from emu.vmm.hypercalls.vp_registers import VSM_PARTITION_CONFIG

_HEADER: Final = struct.Struct("<QIB3s")
"""Partition, map flags, HV_INPUT_VTL, reserved; then page numbers of 64 bits."""
_PAGE: Final = struct.Struct("<Q")
_FLAGS_DEFINED: Final = 0xF  # read, write, kernel and user execute
_PROTECTION_ON: Final = 1


def _protect(request: Request) -> Answer:
    """No VTL 0 guest runs here, so the mask is checked and noted, not enforced."""
    caller = request.caller
    partition, flags, vtl, reserved = _HEADER.unpack_from(request.data)
    refusal = wrong_partition(partition) or wrong_input_vtl(caller, vtl, reserved)
    if refusal is not None:
        return refusal
    if flags & ~_FLAGS_DEFINED:
        return refuse(Status.INVALID_PARAMETER, f"map flags {flags:#x}")
    if not caller.vmm.registers.get((None, VSM_PARTITION_CONFIG), 0) & _PROTECTION_ON:
        return refuse(Status.INVALID_PARTITION_STATE, "VTL protection was not switched on")
    pages = struct.unpack_from(f"<{request.count}Q", request.data, _HEADER.size)
    for done in range(request.first, request.count):
        if caller.memory.state(Gpa(pages[done] << 12)) is None:
            return refuse(Status.INVALID_PARAMETER, f"no page {pages[done]:#x}", done)
    why = f"{request.count - request.first} pages, flags {flags:#x}"
    return Answer(why=why, done=request.count)


CALL: Final = Hypercall(
    0x0C,
    "ModifyVtlProtectionMask",
    _protect,
    together(
        fields(_HEADER, "partition", "flags", "vtl", ""), elements("pages", _HEADER.size, _PAGE)
    ),
    _HEADER.size,
    element_bytes=_PAGE.size,
    rep=True,
)
