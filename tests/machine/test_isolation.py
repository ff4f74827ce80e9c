"""What the host can do to a TD: read ciphertext, and break a page, never change one unseen; and
what an AP can do to others."""

from typing import Final

import pytest

from emu import Session, open_session
from emu.hw.address import PAGE_BYTES, Gpa

AP_RECORDS: Final = 0x800
"""Offset in the reset page of the pointer to all records (RF_AP_RECORDS in shim/abi.h)."""


def _booting(platform: str) -> tuple[Session, Gpa]:
    session = open_session(platform=platform, cpus=2)
    session.do("until kernel_start")
    return session, Gpa(session.machine.board.cpus[0].registers.rip)


def test_the_host_reads_ciphertext_of_a_private_page() -> None:
    session, code = _booting("tdx")
    ram = session.machine.board.ram
    plain = ram.guest_bytes(code, 64)
    assert plain is not None
    assert ram.state(code) == "private"
    assert ram.read(code, 64) != plain
    assert ram.read(code, 64) == ram.read(code, 64)


def test_the_host_reads_a_page_of_a_guest_without_isolation_as_it_is() -> None:
    session, code = _booting("none")
    assert session.machine.board.ram.read(code, 64) == session.machine.board.ram.guest_bytes(
        code, 64
    )


def test_a_private_page_that_the_host_wrote_to_is_fatal_at_the_next_access() -> None:
    session, code = _booting("tdx")
    session.machine.stores.host_write(code, b"\x90")
    view = session.do("run")
    assert view.outcome == "crashed"
    assert "whose integrity the host has broken" in view.outcome_reason
    assert "kernel_start" in view.outcome_reason


def test_memory_that_was_not_accepted_is_fatal() -> None:
    session = open_session(platform="tdx", cpus=1)
    session.do("until accept_memory")
    machine = session.machine
    free = machine.board.layout.ram[0][0] + machine.board.layout.ram[0][1] - 4096
    assert machine.board.ram.state(Gpa(free)) == "unaccepted"
    machine.board.cpus[0].registers.put("rip", free)
    view = session.do("run")
    assert view.outcome == "crashed"
    assert f"fetching GPA {free:#x}, which is not accepted" in view.outcome_reason


def writes(session: Session, cpu: int, gva: int) -> bool:
    """Have an AP store a word to an address by its own mailbox loop: whether it went through.
    Else it has taken a page fault."""
    names = session.machine.board.layout.symbols.find
    at = session.machine.board.cpus[cpu].registers.rip
    ack = min(names("mailbox_ack"), key=lambda place: abs(place - at))
    jump = min(names("mailbox_jump"), key=lambda place: abs(place - at))
    for order in (f"cpu {cpu}", f"set r13={gva:#x}", f"set rip={ack:#x}", "step"):
        session.do(order)
    newest = list(session.machine.board.logs.events)[-1]
    done = session.machine.board.cpus[cpu].registers.rip == jump
    assert done or (newest.kind, newest.cpu) == ("fault", cpu), newest
    return done


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_an_ap_writes_its_own_stack_and_the_mailbox_and_nothing_of_others(
    platform: str,
) -> None:
    session = open_session(platform=platform, cpus=3)
    session.do("until kernel_start")
    board = session.machine.board
    own, other = (board.cpus[cpu].registers for cpu in (1, 2))
    here = session.timeline.now.tick
    free = {"its stack": own.get("rbx") - 0x40, "the mailbox": own.get("r13")}
    held = {
        "the other's stack": other.get("rbx") - 0x40,
        "the other's record": other.get("rbx"),
        "its own tables": own.get("cr3"),
        "the other's tables": other.get("cr3"),
        "the kernel's code": board.layout.symbols.find("secondary_start")[0],
        "its loop where it executes it": own.rip,
    }
    for what, gva in (*free.items(), *held.items()):
        session.do(f"goto {here}")
        assert writes(session, 1, gva) == (what in free), what


def test_by_the_mailbox_page_s_other_address_an_ap_writes_code_that_all_run() -> None:
    """On tdx the mailbox is the reset page (openhcl_boot's layout), and whoever may write the
    one may write the other: the page that tells APs by which tables to come, too."""
    session = open_session(platform="tdx", cpus=3)
    session.do("until kernel_start")
    board = session.machine.board
    alias = board.cpus[1].registers.get("r13")
    assert board.mailbox_gpa is not None and alias != board.mailbox_gpa
    for cpu in (1, 2):
        code = board.cpus[cpu].registers.rip
        assert code // PAGE_BYTES * PAGE_BYTES == board.mailbox_gpa, "all wait in this page"
    for offset in (board.cpus[2].registers.rip % PAGE_BYTES, AP_RECORDS):
        assert board.ram.guest_bytes(board.mailbox_gpa + offset, 2) != bytes(2)
        assert writes(session, 1, alias + offset)
        assert board.ram.guest_bytes(board.mailbox_gpa + offset, 2) == bytes(2)


def test_delays_pass_in_few_instructions_but_take_their_time() -> None:
    view = (session := open_session(platform="sipi", cpus=2)).do("run")
    assert view.virtual_ns > 10_000_000  # INIT alone waits 10 ms
    assert session.machine.board.exit_counts["rdtsc"] < 300


def test_a_slow_core_takes_longer_and_comes_online_all_the_same() -> None:
    even = open_session(platform="tdx", cpus=2)
    even.do("run")
    slow = open_session(platform="tdx", cpus=2)
    slow.machine.board.cpus[1].ps_per_instruction *= 8
    assert slow.do("run").outcome == "booted"
    assert slow.view().virtual_ns > even.view().virtual_ns
