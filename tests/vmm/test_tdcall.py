"""The TDX module's own leaves: pages, information, fields, and the wrong ways to ask."""

import pytest
from msgspec.structs import replace

from emu.hw.address import PAGE_BYTES
from emu.vmm.effects import (
    Complete,
    Cost,
    Crash,
    Effects,
    PageState,
    RaiseException,
    SetPageState,
    SetRegisters,
    SetVeInfo,
    VeInfo,
)
from emu.vmm.tdx import leaf_name, tdcall
from tests.vmm.builder import Guest, change, notes, of

INVALID = 0xC000_0100
MISMATCH = 0xC000_0B0B
ACCEPT, RELEASE, ATTR_RD, ATTR_WR, VM_RD = 6, 30, 23, 24, 7
CONFIG_FLAGS = 0x9110_0003_0000_0016
NEW = 0x900_0000
PAGES = 512


def call(guest: Guest, leaf: int, **registers: int) -> Effects:
    return tdcall(guest.caller(rax=leaf, **registers))


def results(effects: Effects) -> dict[str, int]:
    assert Complete() in effects
    return {name: value for put in of(SetRegisters, effects) for name, value in put.values}


def status(effects: Effects) -> tuple[int, int]:
    """Code and operand of RAX."""
    rax = results(effects)["rax"]
    return rax >> 32, rax & 0xFFFF_FFFF


def test_outside_a_td_the_instruction_does_not_exist() -> None:
    for isolation in ("none", "vbs"):
        (raised,) = call(Guest(isolation), 1)
        assert isinstance(raised, RaiseException)
        assert raised.vector == 6


@pytest.mark.parametrize("leaf", [2, 4, 9, 25, 31, 1 << 32, 1 << 63])
def test_an_unknown_leaf_is_an_invalid_operand_rax(leaf: int) -> None:
    effects = call(Guest("tdx"), leaf)
    assert status(effects) == (INVALID, 0)
    assert f"leaf {leaf:#x} does not exist" in notes(effects)


def test_a_small_page_is_accepted() -> None:
    guest = Guest("tdx")
    guest.pages(NEW, 1, "unaccepted")
    effects = call(guest, ACCEPT, rcx=NEW)
    assert effects == (
        change(NEW, 1, "private", zero=True),
        Cost(guest.platform.costs.accept_4k_ns),
        SetRegisters((("rax", 0),)),
        Complete(),
    )


def test_a_large_page_is_accepted_at_once() -> None:
    guest = Guest("tdx")
    guest.pages(NEW, PAGES, "unaccepted")
    effects = call(guest, ACCEPT, rcx=NEW | 1)
    assert of(SetPageState, effects) == [change(NEW, PAGES, "private", zero=True, large=True)]
    assert of(Cost, effects) == [Cost(guest.platform.costs.accept_2m_ns)]


BAD = [NEW | 2, NEW | 3, NEW | 8, NEW | 0x800, NEW | 1 << 52, NEW | 1 << 47, NEW + 0x1000 | 1]
"""Levels that there are not, reserved bits, the shared bit, 2 MiB that are not aligned."""


@pytest.mark.parametrize("rcx", BAD)
@pytest.mark.parametrize("leaf", [ACCEPT, RELEASE, ATTR_RD, ATTR_WR])
def test_a_bad_mapping_is_an_invalid_operand_rcx(leaf: int, rcx: int) -> None:
    guest = Guest("tdx", page_release=True)
    guest.pages(NEW, PAGES + 1, "unaccepted")
    assert status(call(guest, leaf, rcx=rcx)) == (INVALID, 1)


@pytest.mark.parametrize("leaf", [ACCEPT, ATTR_RD, ATTR_WR])
@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(
    ("state", "why"), [("shared", "is shared: MapGPA comes first"), (None, "has no memory")]
)
def test_what_is_no_private_page_leaves_the_td_without_a_status(
    leaf: int, level: int, state: PageState | None, why: str
) -> None:
    """`async_tdexit_ept_violation`, `basic_ept_violation_exit`: the host has to go on."""
    guest = Guest("tdx")
    if state:
        guest.pages(NEW, PAGES, state)
    (crash,) = call(guest, leaf, rcx=NEW | level)
    assert isinstance(crash, Crash)
    assert (
        why in crash.reason and "EPT violation" in crash.reason and f"{NEW:#x}" in crash.reason
    )


def accepted(level: int) -> Guest:
    """A TD that has accepted 2 MiB, at once or in small pages."""
    guest = Guest("tdx", page_release=True)
    guest.pages(NEW, PAGES, "private")
    guest.vmm.large_pages = {NEW} if level else set()
    return guest


@pytest.mark.parametrize(
    ("leaf", "asked", "rax"),
    [(0, 0, 0x0000_0B0A_0000_0000), (1, 1, 0x0000_0B0A_0000_0001),
     (1, 0, 0x0000_0B0A_0000_0001), (0, 1, 0xC000_0B0B_0000_0001)],
)  # fmt: skip
def test_the_detail_is_the_level_at_which_the_walk_ended(
    leaf: int, asked: int, rax: int
) -> None:
    """`check_tdaccept_failure`: 0 is a leaf of 4 KiB, 1 one of 2 MiB or a table for it."""
    effects = call(accepted(leaf), ACCEPT, rcx=NEW | asked)
    assert results(effects) == {"rax": rax}
    assert not of(SetPageState, effects)


def test_a_host_that_maps_small_pages_refuses_large_ones() -> None:
    guest = Guest("tdx", accept_level="4K")
    guest.pages(NEW, PAGES, "unaccepted")
    assert status(call(guest, ACCEPT, rcx=NEW | 1)) == (MISMATCH, 1)
    assert status(call(guest, ACCEPT, rcx=NEW)) == (0, 0)


@pytest.mark.parametrize("state", ["private", "shared", None])
def test_a_large_page_must_be_alike_all_over(state: PageState | None) -> None:
    guest = Guest("tdx")
    guest.pages(NEW, PAGES, "unaccepted")
    last = NEW + (PAGES - 1) * PAGE_BYTES
    if state:
        guest.pages(last, 1, state)
    else:
        del guest.memory.pages[last]
    effects = call(guest, ACCEPT, rcx=NEW | 1)
    assert status(effects) == (MISMATCH, 1)
    assert not of(SetPageState, effects)


@pytest.mark.parametrize("rcx", [NEW, NEW | 1, NEW | 2, 1 << 47])
def test_without_the_config_flag_there_is_no_release(rcx: int) -> None:
    """TDX module 1.5.01 has no leaf 30; a later one has it where CONFIG_FLAGS bit 6 is set."""
    guest = accepted(0)
    guest.platform = replace(guest.platform, page_release=False)
    assert not results(call(guest, VM_RD, rdx=CONFIG_FLAGS))["r8"] & 1 << 6
    assert results(call(guest, RELEASE, rcx=rcx)) == {"rax": INVALID << 32}


@pytest.mark.parametrize(("level", "count"), [(0, 1), (1, PAGES)])
def test_private_pages_go_back_to_the_host(level: int, count: int) -> None:
    guest = accepted(level)
    assert results(call(guest, VM_RD, rdx=CONFIG_FLAGS))["r8"] & 1 << 6
    effects = call(guest, RELEASE, rcx=NEW | level)
    assert of(SetPageState, effects) == [change(NEW, count, "unaccepted")]
    assert status(effects) == (0, 0)


@pytest.mark.parametrize(("leaf", "asked"), [(0, 1), (1, 0)])
def test_a_release_tells_which_size_to_try(leaf: int, asked: int) -> None:
    """OpenVMM, `tdcall_release_page`: RCX has the level that there is."""
    effects = call(accepted(leaf), RELEASE, rcx=NEW | asked)
    assert results(effects) == {"rax": MISMATCH << 32 | 1, "rcx": NEW | leaf}


@pytest.mark.parametrize("level", [0, 1])
def test_a_pending_page_cannot_be_released(level: int) -> None:
    guest = Guest("tdx", page_release=True)
    guest.pages(NEW, PAGES, "unaccepted")
    found = results(call(guest, RELEASE, rcx=NEW | level))
    assert found == {"rax": 0xC000_0B0D_0000_0001, "rcx": 1 << 62 | NEW | level}


@pytest.mark.parametrize(("state", "code"), [("shared", 0xC000_0B01), (None, 0xC000_0B00)])
def test_what_is_not_there_cannot_be_released(state: PageState | None, code: int) -> None:
    guest = Guest("tdx", page_release=True)
    if state:
        guest.pages(NEW, 1, state)
    assert status(call(guest, RELEASE, rcx=NEW)) == (code, 1)


def test_page_attributes_exist_for_no_nested_vm() -> None:
    guest = accepted(0)
    guest.pages(NEW + PAGE_BYTES, 1, "unaccepted")
    assert results(call(guest, ATTR_RD, rcx=NEW)) == {"rax": 0, "rcx": NEW, "rdx": 0}
    pending = results(call(guest, ATTR_RD, rcx=NEW + PAGE_BYTES))
    assert pending["rcx"] == NEW + PAGE_BYTES | 1 << 62
    large = results(call(accepted(1), ATTR_RD, rcx=NEW + PAGE_BYTES))
    assert large["rcx"] == NEW | 1
    assert status(call(guest, ATTR_WR, rcx=NEW)) == (0, 0)
    assert status(call(guest, ATTR_WR, rcx=NEW, rdx=1)) == (INVALID, 2)


def test_a_vcpu_knows_itself() -> None:
    guest = Guest("tdx")
    guest.cpu = 2
    assert results(call(guest, 1)) == {
        "rax": 0,
        "rcx": 48,
        "rdx": 1 << 28,
        "r8": 4 << 32 | 4,
        "r9": 2,
        "r10": 1,
        "r11": 0,
    }


def test_the_reason_of_an_exception_is_given_once() -> None:
    guest = Guest("tdx")
    nothing = dict.fromkeys(("rcx", "rdx", "r8", "r9", "r10"), 0)
    assert results(call(guest, 3)) == {"rax": 0xC000_0704_0000_0000} | nothing
    guest.vmm.ve_info[0] = VeInfo(30, 1, 2, 3, 4, 5)
    effects = call(guest, 3)
    assert of(SetVeInfo, effects) == [SetVeInfo(0, None)]
    expected = {"rax": 0, "rcx": 30, "rdx": 1, "r8": 2, "r9": 3, "r10": 5 << 32 | 4}
    assert results(effects) == expected


def test_cpuid_exceptions_are_two_switches() -> None:
    assert status(call(Guest("tdx"), 5, rcx=3)) == (0, 0)
    assert status(call(Guest("tdx"), 5, rcx=4)) == (INVALID, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (0x9110_0003_0000_0016, 1 << 2),  # NO_RBP_MOD, as Linux's KVM has it
        (0x1110_0002_0000_0002, 4),
        (0x1110_0003_0000_0000, 1 << 28),
    ],
)
def test_fields_of_the_td(field: int, value: int) -> None:
    assert results(call(Guest("tdx"), 7, rdx=field)) == {"rax": 0, "r8": value}


def test_a_td_that_may_lose_its_rbp_says_so() -> None:
    guest = Guest("tdx", no_rbp_mod=False)
    assert results(call(guest, 7, rdx=0x9110_0003_0000_0016))["r8"] == 0
    features = results(call(guest, 11, rdx=0x0A00_0003_0000_0008))["r8"]
    assert features == 1 << 18, "Linux, TDX_FEATURES0_NO_RBP_MOD: the module can have it"


def test_wrong_fields_have_their_own_codes() -> None:
    guest = Guest("tdx")
    config, notify = 0x9110_0003_0000_0016, 0x9100_0000_0000_0010
    assert results(call(guest, 7, rcx=1, rdx=config)) == {"rax": INVALID << 32 | 1, "r8": 0}
    assert status(call(guest, 7, rdx=1)) == (0xC000_0C00, 2)
    assert status(call(guest, 8, rdx=1)) == (0xC000_0C00, 2)
    assert status(call(guest, 8, rdx=config, r8=1, r9=1)) == (0xC000_0C01, 2)
    assert status(call(guest, 8, rdx=notify, r8=1, r9=1)) == (0xC000_0C03, 8)
    assert results(call(guest, 8, rdx=notify, r8=1, r9=0)) == {"rax": 0, "r8": 0}
    assert status(call(guest, 11, rdx=5)) == (0xC000_0C00, 2)
    assert results(call(guest, 11, rdx=0x0800_0002_0000_0000)) == {"rax": 0, "r8": 0x8086}


def test_leaves_have_names() -> None:
    assert (leaf_name(6), leaf_name(99)) == ("TDG.MEM.PAGE.ACCEPT", "TDCALL leaf 0x63")
