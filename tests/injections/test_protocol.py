"""What mistakes on either side of the mailbox do to the guest, and that the rules name them."""

import pytest

from emu.debug.session import Session
from emu.mailbox.rule import each
from tests.injections.booting import PLATFORMS, booted, broken, happened, serial

everywhere = pytest.mark.parametrize("platform", PLATFORMS)


def rules(session: Session) -> set[str]:
    return {one.rule for one in each(session.findings())}


@everywhere
def test_a_command_before_its_vector_sends_the_ap_to_the_old_one(platform: str) -> None:
    session = booted("command-before-vector 1", platform=platform)
    assert happened(session, "fetching 0x0")
    assert "stored-before-command" in rules(session)


@everywhere
def test_a_vector_of_32_bits_leads_beyond_the_tables(platform: str) -> None:
    session = booted("vector32 2 0x12", platform=platform)
    assert any("fetching 0x120" in text for text in happened(session, "#PF"))
    assert "vector-executable" in rules(session)


@everywhere
def test_a_dirty_reserved_word_does_not_deafen_our_aps(platform: str) -> None:
    session = booted("dirty-reserved 0xff00", platform=platform)
    assert session.view().mailbox.reserved == 0xFF00
    assert session.view().outcome == "booted"
    assert rules(session) == {"reserved-clean"}


def test_a_dirty_reserved_word_deafens_a_loop_that_compares_32_bits() -> None:
    from emu import open_session

    session = open_session(
        "samples/dialects/openhcl.elf", platform="tdx", cpus=3, inject=["dirty-reserved 1"]
    )
    assert session.do("run").outcome == "degraded"


@everywhere
def test_nobody_answers_to_a_foreign_id(platform: str) -> None:
    session = booted("foreign-id 2 0x99", platform=platform)
    assert "cpu 2: no ack" in serial(session)
    assert "command-answered" in rules(session)


@everywhere
def test_no_ap_takes_an_unknown_command_for_its_own(platform: str) -> None:
    session = booted("unknown-command 0x4711", platform=platform)
    assert happened(session, "command = command 18193")
    assert session.view().outcome == "booted"
    assert "command-by-os" in rules(session)


@everywhere
def test_a_second_wake_up_is_for_nobody(platform: str) -> None:
    session = booted("second-wake 1", platform=platform)
    assert "second-wake" in rules(session)


@everywhere
def test_a_wake_up_during_the_hand_back_is_too_early(platform: str) -> None:
    session = booted("wake-during-hand-back 3", platform=platform)
    assert "second-wake" in rules(session)


@everywhere
def test_a_lost_ack_lets_the_os_wait_in_vain(platform: str) -> None:
    session = booted("ack-lost 2", platform=platform)
    healthy = booted(platform=platform)
    assert session.machine.board.now_ps() - healthy.machine.board.now_ps() > 900 * 10**9
    assert "command-answered" in rules(session)


@everywhere
def test_a_moved_mailbox_is_where_the_os_writes(platform: str) -> None:
    session = broken("mailbox-moved 0x8010000", platform=platform, cpus=2)
    session.do("run")
    assert "cpu 1: no ack" in serial(session)
    assert session.view().mailbox.command == 0
    assert session.machine.board.ram.guest_bytes(0x8010004, 1) == b"\x01"
