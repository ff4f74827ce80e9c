"""Whom a hypercall is about: the partition, the virtual processor and the trust level."""

from typing import Final

from emu.hw.address import U64
from emu.vmm.hypercalls.call import Answer, Status, refuse
from emu.vmm.plugged import is_out
from emu.vmm.state import Caller

PARTITION_SELF: Final = U64
VP_SELF: Final = 0xFFFF_FFFE
VTL2: Final = 2
"""The trust level in which guests of ours run whose partition has VTL 0 and VTL 2."""
_USE_TARGET: Final = 0x10


def wrong_partition(partition: int) -> Answer | None:
    """A refusal unless the partition is the caller's own."""
    if partition == PARTITION_SELF:
        return None
    return refuse(Status.INVALID_PARTITION_ID, f"partition {partition:#x} is not this one")


def vp_index(caller: Caller, index: int) -> int | None:
    """The virtual processor that an index or VP_SELF names, None where there is none, or none
    that is plugged in."""
    if index == VP_SELF:
        return caller.cpu
    there = index < len(caller.vmm.vps) and not is_out(caller.vmm, index)
    return index if there else None


def wrong_vp(caller: Caller, index: int) -> Answer | None:
    """A refusal unless the partition has the virtual processor."""
    if vp_index(caller, index) is not None:
        return None
    return refuse(Status.INVALID_VP_INDEX, f"there is no VP {index:#x}")


def vp_in_vtl(caller: Caller, header: tuple[int, int, int, bytes]) -> int | Answer:
    """The virtual processor that a call means by (partition, VP index, VTL, reserved bytes), or
    its refusal."""
    partition, index, vtl, reserved = header
    refusal = (
        wrong_partition(partition)
        or wrong_vp(caller, index)
        or wrong_vtl(caller, vtl, reserved)
    )
    if refusal is not None:
        return refusal
    vp = vp_index(caller, index)
    assert vp is not None, "wrong_vp has let it pass"
    return vp


def own_vtl(caller: Caller) -> int:
    """The trust level that the caller runs in, the highest that its partition has: 2, or 0."""
    return caller.platform.openhcl.vtl


def wrong_input_vtl(caller: Caller, byte: int, reserved: bytes = b"") -> Answer | None:
    """A refusal of an HV_INPUT_VTL above the caller's: 3:0 is the level if bit 4 is set."""
    if byte & ~0x1F or any(reserved):
        return refuse(Status.INVALID_PARAMETER, "reserved bits beside the target VTL")
    if not byte & _USE_TARGET or byte & 0xF in (0, own_vtl(caller)):
        return None
    own = own_vtl(caller)
    if byte & 0xF > own:
        return refuse(Status.ACCESS_DENIED, f"VTL {byte & 0xF} is above the caller's {own}")
    return refuse(Status.INVALID_VTL_STATE, f"VTL {byte & 0xF} is not enabled here")


def wrong_vtl(caller: Caller, vtl: int, reserved: bytes) -> Answer | None:
    """A refusal of a plain HV_VTL byte other than the one we bring processors up in."""
    if any(reserved):
        return refuse(Status.INVALID_PARAMETER, "reserved bytes beside the VTL are not zero")
    if vtl > own_vtl(caller):
        return refuse(Status.INVALID_PARAMETER, f"there is no VTL {vtl}")
    if vtl != own_vtl(caller):
        return refuse(Status.INVALID_VTL_STATE, f"VTL {vtl} starts no processors here")
    return None


def vtl2_enabled(caller: Caller, vp: int) -> bool:
    """Whether a virtual processor has VTL 2: always so for the one that is running in it."""
    if own_vtl(caller) != VTL2:
        return False
    return vp == caller.cpu or caller.vmm.vps[vp].vtl2_enabled
