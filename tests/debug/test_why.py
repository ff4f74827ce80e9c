"""`why N`: the same sentence as at the end of a run, of any CPU and at any moment."""

import pytest

from emu import Session, open_session
from emu.errors import CommandError


def why(session: Session, words: str = "") -> tuple[str, ...]:
    return session.do(f"why {words}".strip()).reply


def test_why_says_of_a_parked_cpu_what_it_waits_for_and_what_would_have_to_come() -> None:
    session = open_session(platform="tdx", cpus=4)
    session.do("until kernel_start")
    head, at, did, waits, then = why(session, "2")
    assert head == "cpu 2 is parked"
    assert at.startswith("  at mailbox_wait+0x10 (shim/mailbox_loop.inc:")
    assert did.startswith("  last: reaches mailbox_wait (tick ")
    assert waits.startswith("  waits for mailbox command == 1 or == 2 (now 0x0), nobody has ")
    assert then == "  next would have to come a command in the mailbox with its APIC id 0x2"


def test_why_is_about_the_cpu_in_focus_and_says_where_one_runs() -> None:
    session = open_session(platform="tdx", cpus=2)
    session.do("until kernel_start")
    assert why(session)[0] == "cpu 0 is running"
    session.do("cpu 1")
    assert why(session) == why(session, "1")
    with pytest.raises(CommandError, match="there is no cpu 2"):
        why(session, "2")


def test_why_in_the_past_knows_nothing_of_what_came_later() -> None:
    session = open_session(platform="vbs", cpus=4, inject=["nmi 2 at mailbox_wait cpu 2"])
    session.do("run")
    assert why(session, "2")[0] == (
        "cpu 2 is lost: given up by the firmware (REASON_EXCEPTION)"
    )
    session.do("goto start")
    assert why(session, "2") == (
        "cpu 2 is off: never started", "  next would have to come StartVirtualProcessor for it",
    )  # fmt: skip


def test_why_tells_the_rules_that_the_cpu_broke() -> None:
    session = open_session("samples/gallery/hoisted-poll.elf", platform="tdx", cpus=4)
    session.do("run")
    said = why(session, "0")
    assert said[0].startswith("cpu 0 is stuck: its loop reads nothing")
    assert any(line.startswith("  broke cpu-stuck (tick ") for line in said)
    assert not any("broke" in line for line in why(session, "1"))


def test_why_leaves_the_machine_where_it_is() -> None:
    session = open_session(platform="vbs", cpus=4)
    session.do("until secondary_online")
    before = session.timeline.now, session.digest(), session.stop
    for cpu in range(4):
        assert why(session, str(cpu))
    assert (session.timeline.now, session.digest(), session.stop) == before


def test_why_says_of_a_loop_that_a_clock_ends_that_it_waits_for_time() -> None:
    session = open_session(platform="sipi", cpus=2)
    session.do("until mailbox_wait")
    while session.machine.board.cpus[0].activity != "waiting":
        session.do("run 1")
    assert why(session, "0")[-1].endswith(" or time")
