"""CPUs are taken offline, ejected, plugged in and brought up again through one mailbox."""

import pytest

from emu import open_session
from emu.debug.session import Session
from emu.errors import CommandError
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


@pytest.mark.parametrize("platform", ["vbs", "none"])
def test_where_no_ipi_starts_cpus_they_go_and_come_by_the_mailbox_too(platform: str) -> None:
    session = staying(platform, 2)
    for text in ("inject unplug 3", "run", "inject plug 3", "run"):
        session.do(text)
    assert session.verdict is not None
    assert session.verdict.words == (
        "booted", "all 4 CPUs came online and the guest switched off"
    )  # fmt: skip


@pytest.mark.parametrize("platform", ["tdx", "sipi"])
def test_who_is_plugged_in_goes_on_in_the_loop_and_is_not_reset(platform: str) -> None:
    """QEMU resets a CPU that comes (docs/specs/acpi_cpu_hotplug.rst), and firmware brings it
    in by SMM."""
    session = staying(platform, 2)
    session.do("inject unplug 3")
    session.do("run")
    cpu = session.machine.board.cpus[3]
    before = cpu.ticks, session.registers(3)["rip"]
    session.do("inject plug 3")
    assert (cpu.ticks, session.registers(3)["rip"]) == before
    assert cpu.activity != "wait-for-sipi"
    inits = len(told(session, "INIT"))
    session.do("run")
    assert session.machine.board.aps.of(3) == "online"
    assert len(told(session, "INIT")) == inits


def test_only_a_cpu_that_booted_can_come() -> None:
    session = staying("tdx", 2)
    with pytest.raises(CommandError, match="there is no cpu 4: they are 0 to 3"):
        session.do("inject plug 4")


def test_a_kernel_that_serves_no_hot_plug_has_its_cpu_torn_out() -> None:
    session = open_session(platform="vbs", cpus=4, inject=("unplug 3 at online cpu 3",))
    session.do("run")
    assert session.machine.board.cpus[3].activity == "shutdown"
    assert not told(session, "is told of cpu 3")


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_a_cpu_that_was_torn_out_and_replaced_in_time_is_not_missed(platform: str) -> None:
    session = open_session(
        platform=platform, cpus=4, inject=("unplug 3", "plug 3 at tick 1_000")
    )
    session.do("run")
    assert session.verdict is not None
    assert session.verdict.outcome == "booted"
