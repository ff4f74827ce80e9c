"""What a shim sees that does not run in VTL 2: its partition has VTL 0 alone.

Expected: openvmm, `openhcl_boot/src/hypercall.rs` (who is told VTL 0 asks no more of the VSM
registers), TLFS 15 (Virtual Secure Mode): a level above the partition's highest is none.
"""

import struct
from typing import Any

import pytest

from emu.boot.openhcl_host import OpenhclHost
from emu.hw.address import U64
from emu.vmm.effects import HostWrite, SetVpRegister, StartVp
from emu.vmm.hypercalls import HypercallResult, dispatch
from tests.vmm.builder import RAM, Guest, context, of

OUTPUT = RAM + 0x1000
SELF = 0xFFFF_FFFE
REP = 1 << 32
VP_STATUS, PARTITION_STATUS, CAPABILITIES, CONFIG = 0xD0003, 0xD0004, 0xD0006, 0xD0007


def guest(**host: Any) -> Guest:
    """One in VTL 0, unless told otherwise."""
    return Guest(openhcl=OpenhclHost(**{"vtl": 0, **host}))


def call(one: Guest, control: int, data: bytes) -> HypercallResult:
    one.memory.write(RAM, data)
    return dispatch(one.caller(), control, RAM, OUTPUT)


def register(one: Guest, name: int, vtl: int = 0) -> tuple[int, int | None]:
    """(status, value) of a register."""
    result = call(one, REP | 0x50, struct.pack("<QIB3xI", U64, SELF, vtl, name))
    written = of(HostWrite, result.effects)
    value = int.from_bytes(written[0].data, "little") if written else None
    return result.status, value


def head(vp: int = 1, vtl: int = 0) -> bytes:
    """The head of EnableVpVtl and StartVirtualProcessor."""
    return struct.pack("<QIB3x", U64, vp, vtl)


@pytest.mark.parametrize(
    ("name", "in_vtl0", "in_vtl2"),
    [
        (VP_STATUS, 0x1_0000, 0x5_0002),
        (PARTITION_STATUS, 0x1, 0x2_0005),
        (CAPABILITIES, 0, 0),
    ],
)  # fmt: skip
def test_the_registers_say_which_levels_there_are(
    name: int, in_vtl0: int, in_vtl2: int
) -> None:
    assert register(guest(), name) == (0, in_vtl0)
    assert register(guest(vtl=2), name) == (0, in_vtl2)


def test_vtl_0_s_memory_again_is_a_capability() -> None:
    assert register(guest(vtl=2, vtl0_alias_map=1 << 39), CAPABILITIES) == (0, 1 << 29)


def test_a_vp_starts_in_vtl_0_as_it_is() -> None:
    result = call(guest(), 0x99, head() + context())
    assert result.status == 0
    assert [one.vp for one in of(StartVp, result.effects)] == [1]


@pytest.mark.parametrize(
    ("code", "vtl", "status"),
    [(0x99, 2, 0x05), (0x0F, 2, 0x05), (0x0F, 0, 0x86), (0x99, 1, 0x05)],
)
def test_other_levels_are_none(code: int, vtl: int, status: int) -> None:
    assert call(guest(), code, head(vtl=vtl) + context()).status == status


@pytest.mark.parametrize(("vtl", "status"), [(0, 0x86), (1, 0x05), (2, 0x05)])
def test_the_partition_gets_no_other_level(vtl: int, status: int) -> None:
    data = struct.pack("<QBB6x", U64, vtl, 0)
    assert call(guest(), 0x0D, data).status == status


def test_who_asks_for_vtl_2_s_registers_is_denied() -> None:
    assert register(guest(), VP_STATUS, vtl=0x12) == (0x06, None)
    assert register(guest(), VP_STATUS, vtl=0x10) == (0, 0x1_0000)


def test_there_is_nobody_below_to_be_protected_from() -> None:
    data = struct.pack("<QIB3xI12xQQ", U64, SELF, 0, CONFIG, 0x1F, 0)
    result = call(guest(), REP | 0x51, data)
    assert result.status == 0x06 and not of(SetVpRegister, result.effects)
    pages = struct.pack("<QIB3xQ", U64, 0, 0, RAM >> 12)
    assert call(guest(), REP | 0x0C, pages).status == 0x07


def test_indexes_are_asked_of_vtl_0_as_everywhere() -> None:
    result = call(guest(), REP | 0x9A, struct.pack("<QB7xI", U64, 0, 4))
    assert (result.status, of(HostWrite, result.effects)[0].data) == (0, b"\2\0\0\0")
    result = call(guest(), REP | 0x9A, struct.pack("<QB7xI", U64, 2, 4))
    assert result.status == 0x05
