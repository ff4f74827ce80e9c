"""Hypercalls about registers and pages: Get/SetVpRegisters, protection, accept, visibility."""

import struct

import pytest

from emu.hw.address import PAGE_BYTES, U64
from emu.vmm.effects import Cost, HostWrite, PageState, SetPageState, SetVpRegister
from emu.vmm.hypercalls import HypercallResult, dispatch
from emu.vmm.msrs.hyperv import GUEST_OS_ID
from tests.vmm.builder import RAM, Guest, change, notes, of

GET, SET, PROTECT, ACCEPT, VISIBILITY = 0x50, 0x51, 0x0C, 0xD9, 0xDB
SELF = 0xFFFF_FFFE
CONFIG = 0xD0007
OUTPUT = RAM + 0x1000
NEW = 0x900_0000
NOWHERE = 0x7000_0000


def call(guest: Guest, code: int, count: int, data: bytes, first: int = 0) -> HypercallResult:
    guest.memory.write(RAM, data)
    return dispatch(guest.caller(), code | count << 32 | first << 48, RAM, OUTPUT)


def header(partition: int = U64, vp: int = SELF, vtl: int = 0) -> bytes:
    return struct.pack("<QIB3s", partition, vp, vtl, bytes(3))


def get(guest: Guest, *names: int, head: bytes = b"") -> HypercallResult:
    data = (head or header()) + struct.pack(f"<{len(names)}I", *names)
    return call(guest, GET, len(names), data)


def values(result: HypercallResult) -> tuple[int, ...]:
    data = b"".join(write.data for write in of(HostWrite, result.effects))
    return struct.unpack(f"<{len(data) // 8}Q", data)[::2]


def test_a_vp_learns_in_which_vtl_it_runs() -> None:
    assert values(get(Guest("vbs"), 0xD0003)) == (0x50002,)


def test_another_vp_has_only_vtl_0_at_first() -> None:
    guest = Guest()
    assert values(get(guest, 0xD0003, 0x90003, head=header(vp=2))) == (0x10000, 2)
    guest.vmm.vps[2].vtl2_enabled = True
    assert values(get(guest, 0xD0003, head=header(vp=2))) == (0x50002,)


def test_synthetic_registers_read_what_the_model_holds() -> None:
    guest = Guest()
    guest.nanoseconds = 12_345
    guest.vmm.msrs[None, GUEST_OS_ID] = 1 << 40
    guest.vmm.registers[None, CONFIG] = 0x1F
    names = (0x90002, 0x90004, 0xD0002, 0xD0004, 0xD0006, CONFIG)
    assert values(get(guest, *names)) == (1 << 40, 123, 0x20010, 0x20005, 0, 0x1F)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (header(partition=0), 0x0D),
        (header(vp=9), 0x0E),
        (header(vtl=0x13), 6),
        (header(vtl=0x11), 0x51),
        (header(vtl=0x20), 5),
        (header(vtl=0x12), 0),
        (header(vtl=0x10), 0),
    ],
)
def test_registers_belong_to_a_vp_and_a_vtl(head: bytes, status: int) -> None:
    assert get(Guest(), 0xD0003, head=head).status == status
    pair = struct.pack("<I12xQQ", CONFIG, 1, 0)
    assert call(Guest(), SET, 1, head + pair).status == status


CONFIGURATION = {
    "enable_vtl_protection": 1, "default_vtl_protection_mask": 4, "zero_memory_on_reset": 1,
    "deny_lower_vtl_startup": 1, "intercept_acceptance": 1,
    "intercept_enable_vtl_protection": 1, "intercept_vp_startup": 1,
    "intercept_cpuid_unimplemented": 1, "intercept_unrecoverable_exception": 1,
    "intercept_page": 1, "intercept_restore_partition_time": 1, "intercept_not_present": 1,
    "intercept_system_reset": 1, "reserved": 48,
}  # fmt: skip
"""microsoft/openvmm, vm/hv1/hvdef/src/lib.rs, HvRegisterVsmPartitionConfig: bits of each field,
from bit 0 on. OpenHCL sets the mask to 0xF and intercept_system_reset where that is offered."""


def test_every_field_of_the_partition_configuration_can_be_set() -> None:
    shift = 0
    for name, width in CONFIGURATION.items():
        value = ((1 << width) - 1) << shift
        data = header() + struct.pack("<I12xQQ", CONFIG, value, 0)
        status = call(Guest("vbs"), SET, 1, data).status
        assert status == (0x50 if name == "reserved" else 0), name
        shift += width
    assert shift == 64


def test_the_status_registers_have_their_fields_where_hvdef_has_them() -> None:
    """HvRegisterVsmPartitionStatus: enabled_vtl_set 15:0, maximum_vtl 19:16; VsmVpStatus:
    active_vtl 3:0, enabled_vtl_set 31:16; VsmCodePageOffsets: two of 12 bits."""
    partition, vp, offsets = values(get(Guest(), 0xD0004, 0xD0003, 0xD0002))
    assert (partition & 0xFFFF, partition >> 16) == (0b101, 2)
    assert (vp & 0xFFFF, vp >> 16) == (2, 0b101)
    assert offsets >> 24 == 0


def test_reading_stops_at_an_unknown_register() -> None:
    result = get(Guest(), 0x90003, 0x12345, 0x90003)
    assert (result.status, result.reps, values(result)) == (0x87, 1, (0,))


@pytest.mark.parametrize(
    ("name", "low", "high", "status"),
    [
        (CONFIG, 0x1F, 0, 0),
        (CONFIG, 0xFFFF, 0, 0),
        (CONFIG, 0x1_0000, 0, 0x50),
        (CONFIG, 0, 1, 0x50),
        (0xD0003, 0, 0, 6),
        (0x20000, 0, 0, 0x87),
    ],
)
def test_only_the_partition_configuration_can_be_set(
    name: int, low: int, high: int, status: int
) -> None:
    data = header() + struct.pack("<I12xQQ", name, low, high)
    result = call(Guest("vbs"), SET, 1, data)
    assert (result.status, result.reps) == (status, int(status == 0))
    expected = [] if status else [SetVpRegister(None, name, low)]
    assert of(SetVpRegister, result.effects) == expected


def protect(guest: Guest, *pages: int, flags: int = 0, head: bytes = b"") -> HypercallResult:
    start = head or struct.pack("<QIB3s", U64, flags, 0, bytes(3))
    data = start + struct.pack(f"<{len(pages)}Q", *(page >> 12 for page in pages))
    return call(guest, PROTECT, len(pages), data)


def test_vtl_protection_needs_to_be_switched_on() -> None:
    guest = Guest("vbs")
    assert protect(guest, RAM).status == 7
    guest.vmm.registers[None, CONFIG] = 1
    result = protect(guest, RAM, RAM + 0x1000)
    assert (result.status, result.reps) == (0, 2)
    assert protect(guest, RAM, flags=0x10).status == 5
    assert protect(guest, RAM, head=struct.pack("<QIB3s", 1, 0, 0, bytes(3))).status == 0xD
    assert protect(guest, RAM, head=struct.pack("<QIB3s", U64, 0, 0x15, bytes(3))).status == 6
    missing = protect(guest, RAM, NOWHERE)
    assert (missing.status, missing.reps) == (5, 1)


def accept(
    guest: Guest,
    gpa: int,
    count: int,
    first: int = 0,
    attributes: int = 0x401,
    partition: int = U64,
) -> HypercallResult:
    data = struct.pack("<QIIQ", partition, attributes, 0, gpa >> 12)
    return call(guest, ACCEPT, count, data, first)


def test_unaccepted_pages_become_private_and_zero() -> None:
    guest = Guest("vbs")
    guest.pages(NEW, 8, "unaccepted")
    result = accept(guest, NEW, 8)
    assert (result.status, result.reps) == (0, 8)
    assert of(SetPageState, result.effects) == [change(NEW, 8, "private", zero=True)]
    assert of(Cost, result.effects) == [Cost(8 * guest.platform.costs.accept_4k_ns)]


def test_pages_can_be_accepted_as_shared() -> None:
    guest = Guest("vbs")
    guest.pages(NEW, 1, "unaccepted")
    result = accept(guest, NEW, 1, attributes=0x4C1)
    assert of(SetPageState, result.effects) == [change(NEW, 1, "shared", zero=True)]


def test_a_long_list_is_accepted_in_batches() -> None:
    guest = Guest("vbs")
    guest.pages(NEW, 600, "unaccepted")
    result = accept(guest, NEW, 600)
    assert (result.status, result.reps) == (0, 512)
    rest = accept(guest, NEW, 600, first=512)
    assert (rest.status, rest.reps) == (0, 600)
    page = NEW + 512 * PAGE_BYTES
    assert of(SetPageState, rest.effects) == [change(page, 88, "private", zero=True)]


@pytest.mark.parametrize(("state", "status"), [("private", 8), ("shared", 8), (None, 5)])
def test_accepting_stops_at_the_first_wrong_page(state: PageState | None, status: int) -> None:
    guest = Guest("vbs")
    guest.pages(NEW, 2, "unaccepted")
    if state:
        guest.pages(NEW + 2 * PAGE_BYTES, 1, state)
    result = accept(guest, NEW, 3)
    assert (result.status, result.reps) == (status, 2)
    assert of(SetPageState, result.effects) == [change(NEW, 2, "private", zero=True)]


@pytest.mark.parametrize(
    ("attributes", "status"), [(0x400, 5), (0x441, 5), (0x481, 5), (0xC01, 5), (0x701, 0)]
)
def test_attributes_name_memory_and_who_sees_it(attributes: int, status: int) -> None:
    guest = Guest("vbs")
    guest.pages(NEW, 1, "unaccepted")
    assert accept(guest, NEW, 1, attributes=attributes).status == status


def test_only_an_isolated_partition_accepts_and_shares() -> None:
    for isolation in ("none", "tdx"):
        guest = Guest(isolation)
        guest.pages(NEW, 1, "unaccepted")
        assert accept(guest, NEW, 1).status == 6
        assert show(guest, 3, RAM).status == 6


def test_accepting_is_for_ones_own_partition_and_memory() -> None:
    guest = Guest("vbs")
    assert accept(guest, NEW, 1, partition=3).status == 0xD
    result = accept(guest, (1 << 40) - PAGE_BYTES, 2)
    assert result.status == 5
    assert "beyond the GPA space" in notes(result.effects)
    assert not of(SetPageState, accept(guest, NOWHERE, 1).effects)


def show(guest: Guest, visibility: int, *pages: int, reserved: int = 0) -> HypercallResult:
    data = struct.pack("<QII", U64, visibility, reserved)
    data += struct.pack(f"<{len(pages)}Q", *(page >> 12 for page in pages))
    return call(guest, VISIBILITY, len(pages), data)


def test_single_pages_are_shown_and_hidden() -> None:
    guest = Guest("vbs")
    guest.pages(NEW, 1, "shared")
    shown = show(guest, 3, RAM, NEW)
    assert (shown.status, shown.reps) == (0, 2)
    assert of(SetPageState, shown.effects) == [change(RAM, 1, "shared")]
    hidden = show(guest, 0, RAM, NEW)
    assert of(SetPageState, hidden.effects) == [change(NEW, 1, "private", zero=True)]


@pytest.mark.parametrize("visibility", [1, 2, 4])
def test_half_visible_pages_do_not_exist(visibility: int) -> None:
    assert show(Guest("vbs"), visibility, RAM).status == 5
    assert show(Guest("vbs"), 3, RAM, reserved=1).status == 5


def test_hiding_stops_at_a_page_that_is_not_there() -> None:
    guest = Guest("vbs")
    guest.pages(NEW, 1, "unaccepted")
    result = show(guest, 3, RAM, NOWHERE)
    assert (result.status, result.reps) == (5, 1)
    assert len(of(SetPageState, result.effects)) == 1
    assert show(guest, 0, NEW).status == 8
