"""CPUs are taken offline, ejected, plugged in and brought up again through one mailbox."""

import pytest

from emu import open_session
from emu.debug.session import Session
from tests.shard import breadth

TIMES = 200
"""So often in a row."""


def staying(platform: str, notices: int) -> Session:
    """The sample kernel that serves hot-plug, when all its CPUs are online."""
    session = open_session(
        platform=platform, cpus=4, kernel="samples/hotplug.kernel.elf",
        cmdline=f"hotplug={notices}",
    )  # fmt: skip
    session.do("run")
    return session


def told(session: Session, text: str) -> list[int]:
    """The ticks at which the log says so."""
    return [one.tick for one in session.machine.board.logs.events if text in one.text]


@pytest.mark.parametrize("platform", ["tdx", "sipi"])
def test_a_cpu_comes_back_200_times_through_the_same_mailbox(platform: str) -> None:
    session = staying(platform, 2 * TIMES)
    for turn in range(TIMES):
        cpu = turn % 3 + 1
        session.do(f"inject unplug {cpu}")
        session.do("run")
        assert session.machine.board.cpus[cpu].activity == "off"
        session.do(f"inject plug {cpu}")
        session.do("run")
    assert session.verdict is not None
    assert session.verdict.words == (
        "booted", "all 4 CPUs came online and the guest switched off"
    )  # fmt: skip
    assert len(told(session, "mailbox command = Test")) == 2 * TIMES, "back, and there again"
    assert len(told(session, "mailbox command = Wakeup")) == 3 + TIMES
    assert not session.do("findings").findings.rows


@pytest.mark.parametrize("platform", breadth(("tdx", "sipi"), every=2))
def test_coming_and_going_is_repeated_by_a_replay_and_undone_by_going_back(
    platform: str,
) -> None:
    session = staying(platform, 2)
    before = session.digest()
    session.do("inject unplug 3")
    session.do("run")
    out = session.digest()
    session.do("inject plug 3")
    session.do("run")
    end = session.digest(), session.timeline.now
    session.do("goto 30%")
    session.do("goto end")
    assert (session.digest(), session.timeline.now) == end
    assert len({before, out, end[0]}) == 3


def test_a_guest_that_waits_for_its_host_is_not_hung() -> None:
    session = staying("tdx", 2)
    assert session.verdict is not None
    assert session.verdict.words == (
        "booted", "all 4 CPUs came online and the guest waits for notices of its host"
    )  # fmt: skip
    session.do("inject unplug 2")
    session.do("run")
    assert session.verdict is not None
    assert session.verdict.outcome == "booted"
    assert "not offered: 2" in session.verdict.reason


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_a_cpu_that_was_torn_out_and_replaced_in_time_is_not_missed(platform: str) -> None:
    session = open_session(
        platform=platform, cpus=4, inject=("unplug 3", "plug 3 at tick 1_000")
    )
    session.do("run")
    assert session.verdict is not None
    assert session.verdict.outcome == "booted"
