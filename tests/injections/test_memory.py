"""What injections into memory and tables do to the guest."""

import pytest

from emu import open_session
from emu.debug.session import Session
from tests.injections.booting import PLATFORMS, booted, broken, happened, having, serial

everywhere = pytest.mark.parametrize("platform", PLATFORMS)
in_the_open = pytest.mark.parametrize("platform", ["vbs", "none", "sipi"])


def word(session: Session, place: str) -> str:
    return session.do(f"print {place}").reply[0]


def entry_faults(session: Session, cpu: int, what: str) -> bool:
    """Whether a CPU had a page fault at the vector it was woken to."""
    faults = [
        e.text for e in session.machine.board.logs.events if e.cpu == cpu and e.kind == "fault"
    ]
    return any(f"#PF {what}" in one and "secondary_start" in one for one in faults)


@in_the_open
def test_a_flipped_bit_is_another_instruction(platform: str) -> None:
    session = booted("flip secondary_start 2 at kernel_start", platform=platform)
    assert "cpu 1: woken, but not online" in serial(session)


def test_a_flipped_bit_of_a_private_page_breaks_it_at_the_next_use() -> None:
    session = booted("flip secondary_start 2 at kernel_start", platform="tdx")
    assert "whose integrity the host has broken" in session.machine.board.crash


@in_the_open
def test_what_the_host_writes_is_there(platform: str) -> None:
    session = broken("host-write mailbox.vector 0x1234 at kernel_start", platform=platform)
    session.do("until wake_aps")
    assert session.view().mailbox.vector == 0x1234


def test_the_host_cannot_write_into_a_private_page_unseen() -> None:
    session = booted("host-write secondary_start 0 at wake_aps", platform="tdx")
    assert "whose integrity the host has broken" in session.machine.board.crash


@in_the_open
def test_a_reused_page_takes_the_code_from_under_the_aps(platform: str) -> None:
    session = booted("reuse mailbox_wait 0xcc at kernel_start", platform=platform)
    assert happened(session, "INT 0x3 at mailbox_wait")
    assert any(one.rule == "page-reused" for one in session.findings())


@everywhere
@pytest.mark.parametrize("how", ["absent", "nx"])
def test_a_page_table_entry_that_changes_is_a_page_fault_at_the_vector(
    how: str, platform: str
) -> None:
    spec = f"pte 2 secondary_start {how} at mailbox_wait cpu 2"
    session = booted(spec, platform=platform)
    assert entry_faults(session, 2, "fetching")
    assert "cpu 2: woken, but not online" in serial(session)


def test_a_td_s_private_mailbox_is_write_back_to_all() -> None:
    """The TDX module maps it with IPAT (intel/tdx-module, sept_manager.h, map_sept_leaf). Its
    APs store by another address than that by which they execute the same page."""
    session = booted("pte 2 0xffffe000 uncached at mailbox_wait cpu 2", platform="tdx")
    assert session.view().outcome == "booted"
    assert "mailbox-view" not in {one.rule for one in session.findings()}


@in_the_open
def test_a_mailbox_that_the_aps_do_not_cache_is_found(platform: str) -> None:
    session = booted("pte 2 mailbox uncached at mailbox_wait cpu 2", platform=platform)
    assert session.view().outcome == "booted"
    found = next(one for one in session.findings() if one.rule == "mailbox-view")
    assert found.text == (
        f"the mailbox is WB to cpu 0, which set the command, and UC to cpu {found.cpu}, "
        "which cleared it"
    )


def test_an_entry_that_leads_elsewhere_executes_other_bytes() -> None:
    session = broken("pte 2 secondary_start wrong at mailbox_jump cpu 2", platform="vbs")
    session.do("break secondary_start cpu 2")
    session.do("run")
    machine = session.machine
    place = machine.board.layout.symbols.find("secondary_start")[0]
    here = machine.board.virtual.hpa(machine.board.cpus[2].registers, place)
    usual = machine.board.ram.hpa(place)
    assert here is not None and usual is not None and here - usual >= 4096


@everywhere
@pytest.mark.parametrize("how", ["absent", "nx"])
def test_the_nested_table_can_take_a_page_from_all_cpus(how: str, platform: str) -> None:
    session = booted(f"npt secondary_start {how} at kernel_start", platform=platform)
    assert "fetching GPA" in session.machine.board.crash
    assert "which the nested table does not allow" in session.machine.board.crash


@everywhere
def test_a_read_only_nested_page_refuses_the_store(platform: str) -> None:
    session = booted("npt mailbox read-only at wake_aps", platform=platform)
    assert "writing GPA" in session.machine.board.crash


def test_a_nested_entry_that_leads_elsewhere_shows_other_memory() -> None:
    session = broken("npt 0x9000000 wrong at wake_aps", platform="vbs")
    session.do("set gpa:0x9001000/8=0x77")
    session.do("until wake_aps")
    session.do("step")
    assert session.machine.board.npt.hpa_of(0x9000000) == session.machine.board.npt.hpa_of(
        0x9001000
    )


def test_a_stale_translation_holds_for_its_cpu_until_it_flushes_and_for_no_other() -> None:
    alone = booted("stale 1 mailbox_wait absent at kernel_start", platform="vbs", cpus=2)
    assert "cpu 1 (apic id 1) online" in serial(alone)  # and then it is sent back to the loop
    assert alone.machine.private.hidden == ()  # the kernel's CR3 flushed it
    session = booted("stale 2 mailbox_wait absent at kernel_start", platform="vbs")
    # CPU 1 shares the table, and has no such TLB: its triple fault ends the machine.
    assert session.machine.board.crash.startswith("cpu 1 shut down: #PF fetching")
    assert not [
        e for e in session.machine.board.logs.events if e.cpu == 2 and e.kind == "fault"
    ]


@pytest.mark.parametrize("platform", having("unaccept"))
def test_a_page_that_must_be_accepted_again_is_fatal(platform: str) -> None:
    session = booted("unaccept secondary_start at wake_aps", platform=platform)
    assert "which is not accepted" in session.machine.board.crash


@pytest.mark.parametrize("platform", having("accept-twice"))
def test_a_page_that_is_accepted_already_is_refused(platform: str) -> None:
    session = booted("accept-twice 0x9000000", platform=platform)
    assert "shim: refused: " in serial(session)


def test_a_size_mismatch_makes_the_shim_accept_small_pages() -> None:
    def accepts(*specs: str) -> int:
        session = booted(*specs, platform="tdx")
        assert session.view().outcome == "booted"
        return sum("MEM.PAGE.ACCEPT" in e.text for e in session.machine.board.logs.exits)

    assert accepts("accept-size 0x9000000") == accepts() + 512


def test_a_cpu_with_the_other_view_of_the_mailbox_gets_a_ve() -> None:
    session = booted("view 2 at mailbox_wait cpu 2", platform="tdx")
    assert happened(session, "#VE: reading GPA 0x8000fffff000, which is not shared")
    assert "cpu 2 lost: it took an exception, status 0x14" in serial(session)


@everywhere
def test_late_stores_reach_the_others_late_and_in_their_order(platform: str) -> None:
    session = booted("late-stores 0 20us", platform=platform)
    events = [
        e for e in session.machine.board.logs.events if e.kind == "mailbox" and e.cpu == 0
    ]
    first = [e.text.split()[1] for e in events[:3]]
    assert first == ["apic_id", "vector", "command"]
    assert session.view().outcome == "booted"
    assert session.findings() == ()
    healthy = open_session(platform=platform, cpus=4)
    healthy.do("run")
    sent = [e for e in healthy.machine.board.logs.events if e.kind == "mailbox"]
    assert events[0].virtual_ns > sent[0].virtual_ns


def test_a_cpu_sees_its_own_late_stores_and_the_others_do_not() -> None:
    session = broken("late-stores 0 50us at wake_aps", platform="vbs")
    session.do("break mailbox_command")
    session.do("run")
    session.do("step 0 40")
    own = session.machine.private
    assert own.hidden and own.seeing == 0
    session.do("step 1 1")
    assert own.seeing == 1
    assert session.view().mailbox.command == 0


def test_a_locked_instruction_drains_the_store_buffer() -> None:
    session = booted("late-stores 2 900ms", platform="vbs")
    # The CPU's state is stored by a locked instruction, so that nobody waits for it in vain.
    assert "cpu 2 (apic id 2) online" in serial(session)
