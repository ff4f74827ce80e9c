"""HvCallGetVpRegisters and HvCallSetVpRegisters (0x50, 0x51): the synthetic registers."""

import struct
from collections.abc import Callable
from typing import Final

from emu.vmm.clock import reference_time
from emu.vmm.effects import Effect, SetVpRegister
from emu.vmm.hypercalls.call import Answer, Hypercall, Request, Status
from emu.vmm.hypercalls.operands import elements, fields, together
from emu.vmm.hypercalls.page import CODE_PAGE_OFFSETS
from emu.vmm.hypercalls.register_names import register_name
from emu.vmm.hypercalls.target import (
    VTL2,
    own_vtl,
    vp_index,
    vtl2_enabled,
    wrong_input_vtl,
    wrong_partition,
    wrong_vp,
)
from emu.vmm.msrs.hyperv import GUEST_OS_ID
from emu.vmm.state import Caller

_HEADER: Final = struct.Struct("<QIB3s")
"""Partition, VP index, HV_INPUT_VTL, reserved; then names of 32 bits, or 32-byte pairs."""
_PAIR: Final = struct.Struct("<I12x16s")

VSM_PARTITION_CONFIG: Final = 0x000D_0007
_CONFIG_DEFINED: Final = 0xFFFF
"""Bits of HV_REGISTER_VSM_PARTITION_CONFIG that have a name in the TLFS or, the last of them
(intercept_system_reset), in hvdef (microsoft/openvmm, vm/hv1/hvdef/src/lib.rs)."""
_VTLS_OF_PARTITION: Final = 0b101
_MAXIMUM_VTL_SHIFT: Final = 16
_ALIAS_MAP: Final = 1 << 29


def _vp_status(caller: Caller, vp: int) -> int:
    """HvRegisterVsmVpStatus: 3:0 active VTL, 31:16 the set of enabled ones."""
    if not vtl2_enabled(caller, vp):
        return 1 << 16
    return _VTLS_OF_PARTITION << 16 | VTL2


def _partition_status(caller: Caller, vp: int) -> int:
    """HvRegisterVsmPartitionStatus: 15:0 the set of enabled VTLs, 19:16 the highest."""
    own = own_vtl(caller)
    return own << _MAXIMUM_VTL_SHIFT | (_VTLS_OF_PARTITION if own else 1)


def _capabilities(caller: Caller, vp: int) -> int:
    """HvRegisterVsmCapabilities: nothing, but VTL 0's memory again where the host says so."""
    return 0 if caller.platform.openhcl.vtl0_alias_map is None else _ALIAS_MAP


def _guest_os_id(caller: Caller, vp: int) -> int:
    return caller.vmm.msrs.get((None, GUEST_OS_ID), 0)


def _partition_config(caller: Caller, vp: int) -> int:
    return caller.vmm.registers.get((None, VSM_PARTITION_CONFIG), 0)


REGISTERS: Final[tuple[tuple[int, Callable[[Caller, int], int]], ...]] = (
    (0x0009_0002, _guest_os_id),
    (0x0009_0003, lambda caller, vp: vp),
    (0x0009_0004, lambda caller, vp: reference_time(caller.nanoseconds)),
    (0x000D_0002, lambda caller, vp: CODE_PAGE_OFFSETS),
    (0x000D_0003, _vp_status),
    (0x000D_0004, _partition_status),
    (0x000D_0006, _capabilities),
    (VSM_PARTITION_CONFIG, _partition_config),
)
"""Readable registers: OS id, VP index, reference time, and the VSM ones: code page offsets, VP
status, partition status, capabilities, partition configuration."""

_READ: Final = dict(REGISTERS)


def _refusal(request: Request) -> Answer | None:
    partition, index, vtl, reserved = _HEADER.unpack_from(request.data)
    return (
        wrong_partition(partition)
        or wrong_vp(request.caller, index)
        or wrong_input_vtl(request.caller, vtl, reserved)
    )


def _get(request: Request) -> Answer:
    """Stops at the first unknown name; the values before it are written."""
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    caller = request.caller
    vp = vp_index(caller, _HEADER.unpack_from(request.data)[1])
    assert vp is not None, "_refusal has let it pass"
    names = struct.unpack_from(f"<{request.count}I", request.data, _HEADER.size)
    values = bytearray()
    for done in range(request.first, request.count):
        read = _READ.get(names[done])
        if read is None:
            why = f"register {names[done]:#x} is not modelled"
            return Answer(Status.UNKNOWN_REGISTER_NAME, why, done, bytes(values))
        values += read(caller, vp).to_bytes(16, "little")
    asked = ", ".join(f"{name:#x}" for name in names)
    return Answer(why=asked, done=request.count, output=bytes(values))


def _set(request: Request) -> Answer:
    """Only the partition configuration can be set; earlier elements stay done."""
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    effects: list[Effect] = []
    for done in range(request.first, request.count):
        name, raw = _PAIR.unpack_from(request.data, _HEADER.size + done * _PAIR.size)
        value = int.from_bytes(raw, "little")
        status, why = _settable(request.caller, name, value)
        if status is not Status.SUCCESS:
            return Answer(status, why, done, effects=tuple(effects))
        effects.append(SetVpRegister(None, name, value))
    return Answer(why=f"{request.count} set", done=request.count, effects=tuple(effects))


def _settable(caller: Caller, name: int, value: int) -> tuple[Status, str]:
    if name == VSM_PARTITION_CONFIG and not own_vtl(caller):
        return Status.ACCESS_DENIED, "VTL 0 has no lower one to be protected from"
    if name == VSM_PARTITION_CONFIG:
        if value & ~_CONFIG_DEFINED:
            return Status.INVALID_REGISTER_VALUE, f"{value:#x} has reserved bits set"
        return Status.SUCCESS, ""
    if name in _READ:
        return Status.ACCESS_DENIED, f"register {name:#x} is read-only"
    return Status.UNKNOWN_REGISTER_NAME, f"register {name:#x} is not modelled"


_NAME: Final = struct.Struct("<I")
_FIELDS: Final = fields(_HEADER, "partition", "vp", "vtl", "")
GET: Final = Hypercall(
    0x50,
    "GetVpRegisters",
    _get,
    together(_FIELDS, elements("registers", _HEADER.size, _NAME, register_name)),
    header_bytes=_HEADER.size,
    element_bytes=4,
    output_element_bytes=16,
    rep=True,
)
SET: Final = Hypercall(
    0x51,
    "SetVpRegisters",
    _set,
    together(_FIELDS, elements("values", _HEADER.size, _PAIR, register_name)),
    header_bytes=_HEADER.size,
    element_bytes=_PAIR.size,
    rep=True,
)
