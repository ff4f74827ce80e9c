"""Before the first tick everything lies where loader and VMM leave it."""

import pytest
from msgspec.structs import replace

from emu.hw.address import PAGE_BYTES
from emu.hw.nested_walk import FRAME
from emu.machine.board import Board
from emu.machine.build import GUEST, HYPERCALL_CODE, VMMCALL, board_of
from tests.guest import BASE, CODE, MAILBOX, MEMORY_BYTES, PD, PDPT, PML4, PT, Guest, word
from tests.machine.elsewhere import Place

SOURCE = "start: hlt"


def board(platform: str, **more: bool) -> Board:
    """A board that no machine has touched."""
    setup = Guest(SOURCE, 3, platform, **more).setup()
    return board_of(setup.platform, setup.layout(), 5)


@pytest.mark.parametrize("where", ["none", "vbs", "tdx", "sipi"])
def test_all_that_was_loaded_is_there_and_mapped_elsewhere_than_its_gpa(where: str) -> None:
    one = board(where)
    for gpa, data in one.layout.chunks:
        if gpa not in (PML4, PDPT, PD, PT):  # A bits: the BSP has fetched already
            assert one.ram.guest_bytes(gpa, len(data)) == data
    assert one.npt.hpa_of(word(one, PML4) & FRAME) == one.ram.hpa(PDPT)
    for page in range(BASE, BASE + MEMORY_BYTES, PAGE_BYTES):
        hpa = one.npt.hpa_of(page)
        assert hpa is not None and hpa >= GUEST and hpa != page
        assert hpa == one.ram.hpa(page) and one.npt.writable(page)
    assert one.npt.hpa_of(BASE - 1) is None and one.npt.hpa_of(BASE + MEMORY_BYTES) is None
    assert one.memory.size == one.ram.end
    assert VMMCALL in one.memory.read(HYPERCALL_CODE, 16)


@pytest.mark.parametrize(
    ("where", "state"),
    [("none", "shared"), ("sipi", "shared"), ("vbs", "private"), ("tdx", "private")],
)
def test_pages_are_private_where_guests_are_isolated(where: str, state: str) -> None:
    assert board(where).ram.state(BASE) == state
    assert board(where).ram.two_views == (where == "tdx")


def test_memory_that_nobody_accepted_is_not_there() -> None:
    machine = Place("tdx", cpus=2).bare().machine
    one = machine.board
    accepted = {
        page for gpa, size in one.layout.accepted for page in range(gpa, gpa + size, 4096)
    }
    for gpa, size in one.layout.ram:
        for page in range(gpa, gpa + size, 64 * PAGE_BYTES):
            there = one.npt.hpa_of(page) is not None
            assert there == (page in accepted)
            assert one.ram.state(page) == ("private" if there else "unaccepted")


@pytest.mark.parametrize(
    ("where", "others"), [("none", "off"), ("sipi", "wait-for-sipi"), ("tdx", "off")]
)
def test_only_the_bsp_runs(where: str, others: str) -> None:
    setup = Guest(SOURCE, 3, where).setup()
    one = board_of(setup.platform, replace(setup.layout(), others=()), 5)
    assert [cpu.activity for cpu in one.cpus] == ["running", others, others]
    assert one.cpus[0].registers.rip == CODE
    assert all(cpu.context is None for cpu in one.cpus[1:])
    assert [vp.started for vp in one.vmm.vps] == [True, False, False]
    assert [vp.wait_for_sipi for vp in one.vmm.vps] == [False, *[others != "off"] * 2]
    assert (one.tick, one.beat, one.seed) == (0, 0, 5)


def test_whom_the_layout_has_begin_with_the_bsp_runs_too() -> None:
    one = board("sipi")
    assert [cpu.activity for cpu in one.cpus] == ["running"] * 3
    assert one.running == {0, 1, 2} and all(vp.started for vp in one.vmm.vps)
    assert [cpu.registers.get("rdi") for cpu in one.cpus] == [0, 1, 2]


def test_a_cpu_s_speed_is_the_length_of_its_instructions() -> None:
    setup = Guest(SOURCE, 3, speeds=(1.0, 0.5, 2.0)).setup()
    one = board_of(setup.platform, setup.layout(), 0)
    nominal = one.cpus[0].ps_per_instruction
    assert [cpu.ps_per_instruction for cpu in one.cpus] == [nominal, 2 * nominal, nominal // 2]
    assert [cpu.apic_id for cpu in one.cpus] == list(setup.platform.apic_ids)
    assert len({cpu.vmcb for cpu in one.cpus}) == 3


def test_a_mailbox_is_where_the_layout_or_a_role_says() -> None:
    assert board("none").mailbox_gpa is None
    assert board("none", mailbox=True).mailbox_gpa == MAILBOX
    setup = Guest("start: hlt\n mailbox_page: nop").setup()
    platform = replace(setup.platform, roles=(("mailbox", ("mailbox_page",)),))
    assert board_of(platform, setup.layout(), 0).mailbox_gpa == CODE


def test_a_loader_that_places_bytes_outside_memory_is_our_bug() -> None:
    setup = Guest(SOURCE).setup()
    layout = replace(setup.layout(), chunks=((BASE - PAGE_BYTES, b"x"),))
    with pytest.raises(AssertionError, match="outside memory"):
        board_of(setup.platform, layout, 0)
