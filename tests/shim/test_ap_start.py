"""APs that are late, wrong, or crash before they are woken: one line each, never the end."""

from collections.abc import Callable
from typing import Final

import pytest

from emu import Session, open_session
from emu.boot.dtb import read_tree
from tests.shim import guest

LOST: Final = 2
WRITE_PROTECT: Final = 1 << 16
FIRST_INSTRUCTION: Final = {"tdx": "reset_entry", "vbs": "ap_entry64", "sipi": "ap_entry64"}


def stopped_at(where: str, platform: str) -> Session:
    """Four CPUs, run until the one to be lost is about to execute a symbol's first byte."""
    session = open_session(platform=platform, cpus=4)
    session.do(f"break {where} cpu {LOST}")
    session.do("run")
    session.do("delete 1")
    return session


def silence(session: Session) -> None:
    """The host does not schedule the CPU any more."""
    session.machine.waits.forget(session.machine.board.cpus[LOST])
    session.machine.board.turn(session.machine.board.cpus[LOST], "halted")


def jump_into_nothing(session: Session) -> None:
    """The CPU goes on at an address that no table maps."""
    session.machine.board.cpus[LOST].registers.put("rip", 0x7000_0000_0000)


def rename(session: Session) -> None:
    """The CPU's record is for another APIC id than the host will give it."""
    place = guest.record_gpa(session, LOST) + 8
    session.machine.stores.edit(place, (77).to_bytes(4, "little"))


def fate(session: Session) -> tuple[str, str, str]:
    """(state, reason) of the record at the end, and where the CPU was left."""
    fields = guest.record(session, LOST)
    where = session.view().cpus[LOST].symbol.partition("+")[0]
    return str(fields["state"]), str(fields["reason"]), where


def statuses(session: Session) -> list[str]:
    """What the kernel's device tree says of each CPU."""
    cpus = read_tree(session.kernel_dtb()).find("/cpus")
    assert cpus is not None
    return [found.text for node in cpus.children if (found := node.get("status"))]


@pytest.mark.parametrize("platform", ["tdx", "vbs"])
def test_an_ap_that_never_arrives_is_given_up(platform: str) -> None:
    session = stopped_at(FIRST_INSTRUCTION[platform], platform)
    silence(session)
    view = session.do("run")
    assert f"shim: cpu {LOST} lost: it never arrived" in view.serial
    assert "kernel: 3 of 4 cpus online" in view.serial
    assert fate(session)[:2] == ("AP_FAILED", "REASON_TIMEOUT")
    assert guest.record(session, LOST)["attempts"] == 2
    assert statuses(session) == ["okay", "okay", "fail", "okay"]


def test_a_second_init_and_sipi_bring_a_stuck_ap_in() -> None:
    session = stopped_at("ap_entry64", "sipi")
    silence(session)
    view = session.do("run")
    assert "kernel: 4 of 4 cpus online" in view.serial
    assert guest.record(session, LOST)["attempts"] == 2


@pytest.mark.parametrize("platform", ["tdx", "vbs"])
def test_an_ap_that_comes_after_it_was_given_up_stays_out(platform: str) -> None:
    session = stopped_at(FIRST_INSTRUCTION[platform], platform)
    silence(session)
    session.do("until enter_kernel")
    session.machine.board.turn(session.machine.board.cpus[LOST], "running")
    session.do(f"step {LOST} 60")
    assert fate(session) == ("AP_FAILED", "REASON_TIMEOUT", "ap_failed")


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi"])
@pytest.mark.parametrize(
    ("where", "harm", "words", "reason"),
    [
        ("mailbox_wait", jump_into_nothing, "it took an exception", "REASON_EXCEPTION"),
        ("", rename, "it has another APIC id", "REASON_APIC_ID"),
    ],
)
def test_an_ap_that_cannot_be_used_says_why_and_sleeps(
    where: str, harm: Callable[[Session], None], words: str, reason: str, platform: str
) -> None:
    session = stopped_at(where or FIRST_INSTRUCTION[platform], platform)
    harm(session)
    view = session.do("run")
    assert f"shim: cpu {LOST} lost: {words}" in view.serial
    assert "kernel: 3 of 4 cpus online" in view.serial
    # The shim sends an AP that does not come another INIT, which takes it to its reset vector.
    left = "" if (platform, reason) == ("sipi", "REASON_EXCEPTION") else "ap_failed"
    assert fate(session) == ("AP_FAILED", reason, left)
    assert statuses(session)[LOST] == "fail"


def test_a_vcpu_without_a_record_never_reaches_the_mailbox() -> None:
    session = stopped_at("reset_entry", "tdx")
    session.machine.board.cpus[LOST].registers.put("rsi", 99)
    session.do("run")
    assert fate(session) == ("AP_FAILED", "REASON_TIMEOUT", "ap_failed")


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi"])
def test_a_cpu_that_is_handed_back_waits_on_its_own_tables(platform: str) -> None:
    session = open_session(platform=platform, cpus=2)
    session.do("until mailbox_reset_vector")
    session.machine.board.cpus[1].registers.put("cr0", 0x8000_0031)
    session.do("until mailbox_wait")
    registers, fields = session.machine.board.cpus[1].registers, guest.record(session, 1)
    assert registers.get("cr3") == fields["cr3"]
    assert registers.get("rsp") <= guest.number(fields, "stack_top")
    assert registers.get("cr0") & WRITE_PROTECT
    assert fields["state"] == "AP_WAIT_FOR_WAKEUP"


@pytest.mark.parametrize("platform", ["tdx", "vbs", "sipi"])
def test_only_the_vector_and_the_index_leave_in_registers(platform: str) -> None:
    session = open_session(platform=platform, cpus=2)
    session.do("until secondary_start")
    registers = session.machine.board.cpus[1].registers
    given = {"rcx": 1, "r14": guest.symbol(session, "secondary_start")}
    names = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{n}" for n in range(8, 16)))
    assert {name: registers.get(name) for name in names} == dict.fromkeys(names, 0) | given
    assert guest.record(session, 1)["state"] == "AP_WOKEN"
