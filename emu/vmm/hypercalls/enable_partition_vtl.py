"""HvCallEnablePartitionVtl (0x0D): a partition of ours gets no other VTL than it has."""

import struct
from typing import Final

from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status, refuse
from emu.vmm.hypercalls.operands import fields
from emu.vmm.hypercalls.target import own_vtl, wrong_partition

_HEADER: Final = struct.Struct("<QBB6s")
"""Partition, VTL, flags (bit 0: mode-based execution control), reserved."""


def _enable(request: Request) -> Answer:
    partition, vtl, flags, reserved = _HEADER.unpack_from(request.data)
    refusal = wrong_partition(partition)
    if refusal is not None:
        return refusal
    if vtl > own_vtl(request.caller) or flags & ~1 or any(reserved):
        return refuse(Status.INVALID_PARAMETER, f"VTL {vtl} with flags {flags:#x}")
    if vtl == 1:
        return refuse(Status.ACCESS_DENIED, "VTL 1 would belong to a VTL 0 guest")
    return refuse(Status.VTL_ALREADY_ENABLED, f"the partition has VTL {vtl}")


CALL: Final = Hypercall(
    0x0D,
    "EnablePartitionVtl",
    _enable,
    fields(_HEADER, "partition", "vtl", "flags", ""),
    header_bytes=_HEADER.size,
    fast=True,
)
