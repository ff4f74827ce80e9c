"""CPUs are taken offline, ejected, plugged in and brought up through one mailbox, again or for
the first time."""

from pathlib import Path

import pytest

from emu import open_session
from emu.debug.opening import replay_session
from emu.debug.profiling import profile_of
from emu.debug.recording import read
from emu.debug.session import Session
from emu.errors import CommandError, PlatformError
from emu.machine.handover import host_dtb
from emu.profile.plugs import Plugs
from emu.profile.profile import chosen
from tests.shard import breadth

TIMES = 200
"""So often in a row."""
PLATFORMS = ["tdx", "sipi", "vbs", "none"]


def staying(
    platform: str, notices: int, *, cpus: int = 4, possible: int | None = None, more: str = ""
) -> Session:
    """The sample that serves hot-plug, when all its CPUs are online."""
    session = open_session(
        "samples/hotplug.elf", platform=platform, cpus=cpus, possible=possible,
        cmdline=f"hotplug={notices} {more}",
    )  # fmt: skip
    session.do("run")
    return session


def told(session: Session, text: str) -> list[int]:
    """The ticks at which the log says so."""
    return [one.tick for one in session.machine.board.logs.events if text in one.text]


def said(session: Session) -> tuple[str, str]:
    assert session.verdict is not None
    return session.verdict.words


@pytest.mark.parametrize("platform", PLATFORMS)
def test_cpus_come_200_times_through_the_same_mailbox(platform: str) -> None:
    """CPUs 1 and 2 boot, 3 to 6 were never there: by turns one goes and comes again, and four
    times one comes that is new, each in the midst of the others."""
    session = staying(platform, 2 * TIMES - 4, cpus=3, possible=7)
    there, away, turns = [1, 2], [3, 4, 5, 6], []
    for turn in range(TIMES):
        if turn % 50 == 7:
            cpu = away.pop(0)
            there.append(cpu)
        else:
            cpu = there[turn % len(there)]
            session.do(f"inject unplug {cpu}")
            session.do("run")
            assert session.machine.board.cpus[cpu].activity == "off"
        session.do(f"inject plug {cpu}")
        session.do("run")
        assert session.machine.board.aps.of(cpu) == "online"
        turns.append(cpu)
    assert said(session) == ("booted", "all 7 CPUs came online and the guest switched off")
    tests, wakes = "mailbox command = Test", "mailbox command = Wakeup"
    assert len(told(session, tests)) == 2 * TIMES - 4, "back, and there again"
    assert len(told(session, wakes)) == 2 + TIMES
    assert not session.do("findings").findings.rows
    plugs = profile_of(session.desk, chosen(["plugs"])).sections["plugs"]
    assert isinstance(plugs, Plugs)
    came = [one for one in plugs.turns if one.comes]
    assert [one.cpu for one in came] == turns
    assert all(one.online_ns and one.online_ns > 0 for one in came), "the latency of each"
    assert [one.cpu for one in came if one.first] == [3, 4, 5, 6]
    assert plugs.new is not None and plugs.new.count == 4
    assert plugs.back is not None and plugs.back.count == TIMES - 4


@pytest.mark.parametrize("platform", breadth(PLATFORMS, every=2))
def test_coming_and_going_is_repeated_by_a_replay_and_undone_by_going_back(
    platform: str,
) -> None:
    session = staying(platform, 3, possible=5)
    before = session.digest()
    session.do("inject unplug 3")
    session.do("run")
    out = session.digest()
    session.do("inject plug 4")
    session.do("run")
    session.do("inject plug 3")
    session.do("run")
    end = session.digest(), session.timeline.now
    session.do("goto 30%")
    assert session.machine.board.cpus[4].activity == "off", "it is not there yet"
    session.do("goto end")
    assert (session.digest(), session.timeline.now) == end
    assert len({before, out, end[0]}) == 3


def test_a_guest_that_waits_for_its_host_is_not_hung() -> None:
    session = staying("tdx", 2)
    assert said(session) == (
        "booted", "all 4 CPUs came online and the guest waits for notices of its host"
    )  # fmt: skip
    session.do("inject unplug 2")
    session.do("run")
    outcome, reason = said(session)
    assert outcome == "booted" and "not offered: 2" in reason


def test_in_a_td_a_cpu_goes_on_in_the_loop_where_it_left() -> None:
    """No call of the TDX module sets a virtual processor back to TDH.VP.INIT's state once its
    TD is finalized."""
    session = staying("tdx", 2)
    session.do("inject unplug 3")
    session.do("run")
    cpu = session.machine.board.cpus[3]
    before = cpu.ticks, session.registers(3)["rip"]
    session.do("inject plug 3")
    assert (cpu.ticks, session.registers(3)["rip"]) == before
    session.do("run")
    assert session.machine.board.aps.of(3) == "online"


@pytest.mark.parametrize(("platform", "then"), [("sipi", "wait-for-sipi"), ("vbs", "off")])
def test_elsewhere_it_is_reset_and_started_as_its_platform_starts_cpus(
    platform: str, then: str
) -> None:
    """QEMU resets a CPU that comes (docs/specs/acpi_cpu_hotplug.rst; hw/i386/x86-common.c)."""
    session = staying(platform, 2)
    session.do("inject unplug 3")
    session.do("run")
    cpu = session.machine.board.cpus[3]
    session.do("inject plug 3")
    assert cpu.activity == then and cpu.context is None
    starts = "SIPI 0x8 from cpu 0 arrives: it starts" if platform == "sipi" else "starts cpu 3"
    begun = len(told(session, starts))
    session.do("run")
    assert session.machine.board.aps.of(3) == "online"
    assert len(told(session, starts)) == begun + 1


def test_a_new_cpu_of_a_td_begins_at_its_reset_vector() -> None:
    """TDH.VP.INIT: RIP 0xFFFFFFF0, and the index of the virtual processor in ESI."""
    session = staying("tdx", 1, possible=5)
    session.do("inject plug 4")
    assert session.registers(4)["rip"] == 0xFFFF_FFF0
    assert session.registers(4)["rsi"] == 4
    session.do("run")
    assert said(session) == ("booted", "all 5 CPUs came online and the guest switched off")


@pytest.mark.parametrize("platform", ["vbs", "none"])
def test_where_there_is_no_mailbox_a_new_cpu_comes_by_hypercall(platform: str) -> None:
    session = staying(platform, 1, cpus=2, possible=3, more="mailbox=off")
    session.do("inject plug 2")
    session.do("run")
    assert said(session) == ("booted", "all 3 CPUs came online and the guest switched off")
    assert not told(session, "mailbox command")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_shim_that_knows_of_no_such_cpu_leaves_it_alone(platform: str) -> None:
    """A node that is not okay is none to it, so its kernel has never heard of the CPU either,
    and says to the host that it has seen it."""
    session = open_session(
        platform=platform, cpus=3, possible=4, kernel="samples/hotplug.kernel.elf",
        cmdline="hotplug=1",
    )  # fmt: skip
    session.do("run")
    assert said(session)[0] == "booted"
    session.do("inject plug 3")
    session.do("run")
    outcome, reason = said(session)
    assert outcome == "degraded"
    assert reason.startswith("3 of 4 CPUs came online; ") and reason.endswith(": 3")
    assert not told(session, "cpu 3: plugged in")


@pytest.mark.parametrize("platform", ["sipi", "vbs", "none"])
def test_the_plain_shim_takes_none_back_that_was_reset(platform: str) -> None:
    """Its record says that the CPU waits in the loop, and its reset vector believes that."""
    session = open_session(
        platform=platform, kernel="samples/hotplug.kernel.elf", cmdline="hotplug=2"
    )
    session.do("run")
    for text in ("inject unplug 3", "run", "inject plug 3", "run"):
        session.do(text)
    assert said(session)[0] == "degraded"
    assert told(session, "cpu 3: plugged in, and not to be had")


def test_linux_is_not_told_of_a_cpu_that_comes() -> None:
    session = open_session(
        "samples/linux/bzImage", platform="linux", cpus=2, possible=4,
        inject=("plug 3 at tick 1_000",),
    )  # fmt: skip
    session.do("run")
    assert told(session, "is plugged in") and not told(session, "is told of cpu 3")
    assert session.machine.board.cpus[3].ticks == 0


def test_a_cpu_may_come_to_a_td_while_its_shim_starts_the_others() -> None:
    session = open_session(
        "samples/hotplug.elf", platform="tdx", cpus=3, possible=4, cmdline="hotplug=1",
        inject=("plug 3 at event starts",),
    )  # fmt: skip
    session.do("run")
    assert said(session) == ("booted", "all 4 CPUs came online and the guest switched off")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_cpu_that_is_not_there_is_not_waited_for(platform: str) -> None:
    session = open_session(platform=platform, cpus=2, possible=4)
    session.do("run")
    assert said(session) == (
        "booted", "all 2 CPUs came online and the guest switched off; not offered: 2, 3"
    )  # fmt: skip
    rows = session.picture().cpus
    assert [(one.state, one.fate, one.waits) for one in rows[2:]] == [
        ("off", "not offered", "not there: the host may plug it in")
    ] * 2
    assert not told(session, "cpu 2"), "nobody has asked for it"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nobody_starts_a_cpu_that_is_not_there(platform: str, tmp_path: Path) -> None:
    """Not even by a tree that says it is there: an IPI reaches nobody, and a call finds no such
    virtual processor."""
    tree = host_dtb(open_session(platform=platform, cpus=3).machine.board)
    assert tree is not None
    (lie := tmp_path / "lie.dtb").write_bytes(tree)
    session = open_session(platform=platform, cpus=2, possible=3, host_dtb=str(lie))
    session.do("run")
    assert said(session) == (
        "booted", "all 2 CPUs came online and the guest switched off; not offered: 2"
    )  # fmt: skip
    assert session.machine.board.cpus[2].ticks == 0
    shown = session.machine.board.vmm.serial.decode()
    assert "cpu 2 lost: " + ("it never" if platform == "sipi" else "the host refused") in shown


@pytest.mark.parametrize("platform", breadth(PLATFORMS, every=2))
def test_a_recording_brings_the_same_cpu_in(platform: str, tmp_path: Path) -> None:
    session = staying(platform, 1, cpus=2, possible=3)
    session.do("inject plug 2")
    session.do("run")
    session.do(f"save {tmp_path / 'plugged.apdbg'}")
    again, differs = replay_session(read(tmp_path / "plugged.apdbg"))
    assert not differs and again.digest() == session.digest()
    assert said(again) == said(session)
    assert (
        profile_of(again.desk, chosen(["plugs"])).sections
        == profile_of(session.desk, chosen(["plugs"])).sections
    )


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ("plug 1", "inject plug: cpu 1 is there;"),
        ("plug 6", "there is no cpu 6: they are 0 to 5"),
        ("unplug 0", "inject unplug: cpu 0 boots the machine, and no host takes it"),
        ("unplug 5", "inject unplug: cpu 5 was never there"),
    ],
)
def test_what_no_host_can_do_is_refused_in_a_sentence(order: str, why: str) -> None:
    session = staying("tdx", 2, possible=6)
    with pytest.raises(CommandError, match=why):
        session.do(f"inject {order}")


@pytest.mark.parametrize(
    ("cpus", "possible", "why"),
    [
        (4, 1_025, "--possible: 4 to 1,024, got 1,025"),
        (4, 3, "--possible: 4 to 1,024, got 3"),
    ],
)
def test_no_more_are_possible_than_a_host_has(cpus: int, possible: int, why: str) -> None:
    """KVM_MAX_NR_VCPUS is 1,024 by default (Linux, arch/x86/kvm/Kconfig)."""
    with pytest.raises(PlatformError, match=why):
        open_session(cpus=cpus, possible=possible)


def test_a_kernel_that_serves_no_hot_plug_has_its_cpu_torn_out() -> None:
    session = open_session(platform="vbs", cpus=4, inject=("unplug 3 at online cpu 3",))
    session.do("run")
    assert session.machine.board.cpus[3].activity == "shutdown"
    assert not told(session, "is told of cpu 3")


def test_a_kernel_that_serves_none_is_not_told_of_a_new_one() -> None:
    session = open_session(platform="vbs", cpus=3, possible=4, inject=("plug 3 at tick 1_000",))
    session.do("run")
    assert told(session, "is plugged in") and not told(session, "is told of cpu 3")
    assert session.machine.board.cpus[3].ticks == 0


@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_a_cpu_that_was_torn_out_and_replaced_in_time_is_not_missed(platform: str) -> None:
    session = open_session(
        platform=platform, cpus=4, inject=("unplug 3", "plug 3 at tick 1_000")
    )
    session.do("run")
    assert said(session)[0] == "booted"
