"""The states of CPUs change by compare-and-swap, and who loses it does not go on."""

import re
from typing import Final

import pytest

from emu import Session, open_session
from tests.gallery import ROOT

WAITS, FAILED = 2, 6
"""AP_WAIT_FOR_WAKEUP and AP_FAILED of shim/abi.h."""
PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
SOURCES: Final = sorted((ROOT / "shim").rglob("*.c"))


def test_no_state_is_stored_plainly() -> None:
    plain = re.compile(r"(->|\.)state\s*(=[^=]|\+=|\+\+)")
    assert not [path.name for path in SOURCES if plain.search(path.read_text())]


def test_no_swap_is_forgotten_to_look_at() -> None:
    """`(void)` says that whoever was first is right."""
    lost = re.compile(r"([;{}]|\)\s*\n)\s*cmpxchg(32|64)\(")
    assert not [path.name for path in SOURCES if lost.search(path.read_text())]


def parked(platform: str) -> tuple[Session, int]:
    """CPU 1 waits at the mailbox; and where its record is."""
    session = open_session(platform=platform, cpus=2)
    session.do("until wake_aps")
    record = session.machine.board.cpus[1].registers.get("rbx")
    assert f"{WAITS:#x}" in session.do(f"print gpa:{record:#x}/4").reply[0]
    return session, record


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_ap_whose_record_says_that_it_does_not_wait_gives_no_ack(platform: str) -> None:
    session, record = parked(platform)
    session.do(f"set gpa:{record:#x}/4={FAILED}")
    session.do("break mailbox_ack")
    view = session.do("run")
    assert view.outcome == "degraded" and view.stop[0].kind != "breakpoint"
    assert "cpu 1: no ack" in view.serial
    assert session.view().cpus[1].symbol.startswith("ap_failed")
    assert f"{FAILED:#x}" in session.do(f"print gpa:{record:#x}/4").reply[0]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_cpu_that_is_not_where_it_could_start_is_not_woken(platform: str) -> None:
    """CPU 1 of the kernel's list has a state that is neither new nor handed back."""
    session = open_session(platform=platform, cpus=2)
    session.do("break wake_cpu")
    session.do("run")
    cpu = session.machine.board.cpus[0].registers.get("rdi")
    session.do(f"set gpa:{cpu + 8:#x}/4={FAILED}")
    session.do("delete 1")
    view = session.do("run")
    assert "cpu 1: not woken: it is not where it could start" in view.serial
    assert "kernel: 1 of 2 cpus online" in view.serial
    assert "Wakeup" not in "".join(one.text for one in session.machine.board.logs.events)
