"""The TDX module's own leaves: pages, information, fields, and the wrong ways to ask."""

import pytest

from emu.hw.address import PAGE_BYTES
from emu.vmm.effects import (
    Complete,
    Cost,
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
ACCEPT, RELEASE, ATTR_RD, ATTR_WR = 6, 30, 23, 24
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
    assert of(SetPageState, effects) == [change(NEW, PAGES, "private", zero=True)]
    assert of(Cost, effects) == [Cost(guest.platform.costs.accept_2m_ns)]


@pytest.mark.parametrize(
    "rcx",
    [
        NEW | 2,
        NEW | 3,
        NEW | 8,
        NEW | 0x800,
        NEW | 1 << 52,
        NEW | 1 << 47,
        NEW + PAGE_BYTES | 1,
    ],
)
@pytest.mark.parametrize("leaf", [ACCEPT, RELEASE, ATTR_RD, ATTR_WR])
def test_a_bad_mapping_is_an_invalid_operand_rcx(leaf: int, rcx: int) -> None:
    guest = Guest("tdx")
    guest.pages(NEW, PAGES + 1, "unaccepted")
    assert status(call(guest, leaf, rcx=rcx)) == (INVALID, 1)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(
    ("state", "code"),
    [("private", 0x0000_0B0A), ("shared", 0xC000_0B01), (None, 0xC000_0B00)],
)
def test_only_unaccepted_memory_can_be_accepted(
    level: int, state: PageState | None, code: int
) -> None:
    guest = Guest("tdx")
    if state:
        guest.pages(NEW, PAGES, state)
    effects = call(guest, ACCEPT, rcx=NEW | level)
    assert status(effects) == (code, 1)
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


def test_private_pages_go_back_to_the_host() -> None:
    guest = Guest("tdx")
    guest.pages(NEW, PAGES, "private")
    effects = call(guest, RELEASE, rcx=NEW | 1)
    assert of(SetPageState, effects) == [change(NEW, PAGES, "unaccepted")]
    assert status(effects) == (0, 0)


def test_a_release_tells_which_size_to_try() -> None:
    guest = Guest("tdx", accept_level="4K")
    guest.pages(NEW, PAGES, "private")
    effects = call(guest, RELEASE, rcx=NEW | 1)
    assert results(effects) == {"rax": MISMATCH << 32 | 1, "rcx": NEW}


@pytest.mark.parametrize(
    ("state", "code"),
    [("unaccepted", 0xC000_0B01), ("shared", 0xC000_0B01), (None, 0xC000_0B00)],
)
def test_only_private_memory_is_released(state: PageState | None, code: int) -> None:
    guest = Guest("tdx")
    if state:
        guest.pages(NEW, 1, state)
    assert status(call(guest, RELEASE, rcx=NEW)) == (code, 1)


def test_page_attributes_exist_for_no_nested_vm() -> None:
    guest = Guest("tdx")
    guest.pages(NEW, 1, "private")
    guest.pages(NEW + PAGE_BYTES, 1, "unaccepted")
    assert results(call(guest, ATTR_RD, rcx=NEW)) == {"rax": 0, "rcx": NEW, "rdx": 0}
    pending = results(call(guest, ATTR_RD, rcx=NEW + PAGE_BYTES))
    assert pending["rcx"] == NEW + PAGE_BYTES | 1 << 62
    assert status(call(guest, ATTR_WR, rcx=NEW)) == (0, 0)
    assert status(call(guest, ATTR_WR, rcx=NEW, rdx=1)) == (INVALID, 2)
    for leaf in (ATTR_RD, ATTR_WR):
        assert status(call(guest, leaf, rcx=0x7000_0000)) == (0xC000_0B00, 1)


def test_a_vcpu_knows_itself() -> None:
    guest = Guest("tdx")
    guest.cpu = 2
    assert results(call(guest, 1)) == {
        "rax": 0,
        "rcx": 48,
        "rdx": 1 << 28,
        "r8": 4 << 32 | 4,
        "r9": 2,
        "r10": 0,
        "r11": 0,
    }


def test_the_reason_of_an_exception_is_given_once() -> None:
    guest = Guest("tdx")
    assert status(call(guest, 3)) == (0xC000_0704, 0)
    guest.vmm.ve_info[0] = VeInfo(31, 1, 2, 3, 2)
    effects = call(guest, 3)
    assert of(SetVeInfo, effects) == [SetVeInfo(0, None)]
    expected = {"rax": 0, "rcx": 31, "rdx": 1, "r8": 2, "r9": 3, "r10": 2}
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
    assert status(call(guest, 7, rcx=1, rdx=config)) == (INVALID, 1)
    assert status(call(guest, 7, rdx=1)) == (0xC000_0C00, 2)
    assert status(call(guest, 8, rdx=1)) == (0xC000_0C00, 2)
    assert status(call(guest, 8, rdx=config, r8=1, r9=1)) == (0xC000_0C01, 2)
    assert status(call(guest, 8, rdx=notify, r8=1, r9=1)) == (0xC000_0C03, 8)
    assert results(call(guest, 8, rdx=notify, r8=1, r9=0)) == {"rax": 0, "r8": 0}
    assert status(call(guest, 11, rdx=5)) == (0xC000_0C00, 2)
    assert results(call(guest, 11, rdx=0x0800_0002_0000_0000)) == {"rax": 0, "r8": 0x8086}


def test_leaves_have_names() -> None:
    assert (leaf_name(6), leaf_name(99)) == ("TDG.MEM.PAGE.ACCEPT", "TDCALL leaf 0x63")
