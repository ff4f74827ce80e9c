"""A distribution's kernel brings its CPUs up, four ways: `python -m tests.kernel_check IMAGE`.

For `.ci/run`: the kernel is a package of Debian's. By INIT and SIPI, under Hyper-V and under
KVM; behind the sample shim, through its mailbox; and the same as a trust domain. Each twice to
one digest, and from there back to what started CPU 3. Its ring buffer has what it printed.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from emu import Session, open_session
from emu.boot.samples import samples_dir
from emu.debug.profiling import profile_of
from emu.profile.critical_view import CriticalPath
from emu.profile.profile import chosen
from emu.profile.waterfall_view import Waterfall

COMMAND_LINE = "console=ttyS0 earlyprintk=serial,ttyS0,115200"
CPUS = 4
WANTED = f"Brought up 1 node, {CPUS} CPUs"
SHIM = "linux/shim.elf"
WAYS = (("linux", ""), ("kvm", ""), ("none", SHIM), ("tdx", SHIM))
"""A platform, and the shim of `samples/` that hands over to the kernel, if one does."""
SAYS = {"kvm": "Hypervisor detected: KVM"}
"""What the kernel says where it matters who its host is."""
ONLINE = "reaches cpu_startup_entry"
MEMORY_MIB = 512


def main(words: Sequence[str]) -> int:
    """Exit code 1, with a sentence, if a kernel does not come up."""
    (image,) = words
    for platform, shim in WAYS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            place = under_kvm(folder) if platform == "kvm" else platform
            session, again = (brought_up(image, place, shim) for _ in range(2))
        tick, digest = session.machine.board.tick, session.digest()
        assert digest == again.digest(), f"{platform}: two runs, two digests"
        check_log(session, SAYS.get(platform, "Linux version"))
        check_profile(session, by_sipi=not shim)
        told = started_cpu_3(session)
        assert session.machine.board.tick < tick
        took = time.monotonic() - began
        print(
            f"{platform}: {WANTED} at tick {tick:,}, twice, {digest[:16]}; {took:.0f} s; {told}"
        )
    return 0


def under_kvm(folder: str) -> str:
    """The platform `linux` with KVM in the place of Hyper-V."""
    text = (samples_dir() / "platforms/linux.toml").read_text()
    place = Path(folder, "kvm.toml")
    place.write_text(text.replace("hyperv = true", 'hyperv = false\nhypervisor = "kvm"'))
    return str(place)


def check_log(session: Session, says: str) -> None:
    """What came out of the serial line is in the kernel's ring buffer, to the microsecond."""
    rows = {row.replace(row[14:22], "", 1) for row in session.do("log").reply}
    lines = bytes(session.machine.board.vmm.serial).decode().splitlines()
    printed = [line.rstrip() for line in lines if line.startswith("[    ")]
    assert len(printed) > 100, f"{len(printed)} lines"
    missing = [line for line in printed if line not in {row.rstrip() for row in rows}]
    assert not missing, f"the ring buffer is without {missing[0]}"
    assert any(says in line for line in printed), f"nothing says: {says}"


def check_profile(session: Session, *, by_sipi: bool) -> None:
    """Steps of the waterfall are where the log of events has them, and the critical path is
    without a gap."""
    found = profile_of(session.desk, chosen(["waterfall", "critical"])).sections
    fall, path = found["waterfall"], found["critical"]
    assert isinstance(fall, Waterfall) and isinstance(path, CriticalPath)
    assert [ap.cpu for ap in fall.aps] == list(range(1, CPUS))
    events = session.machine.board.logs.events
    for ap in fall.aps:
        steps = {one.step: one for one in ap.steps}
        way = {"modes", "tables"} if by_sipi else {"parked", "command", "seen", "ack", "vector"}
        assert {"asked", "first", "online"} | way <= steps.keys(), f"cpu {ap.cpu}: {steps}"
        online = [e.tick for e in events if e.cpu == ap.cpu and e.text == ONLINE]
        assert steps["online"].tick == online[0]
        sent = [e for e in events if e.cpu == 0 and f"to cpu {ap.cpu} " in e.text]
        asked = [e.virtual_ns for e in sent if "SIPI" in e.text]
        assert not by_sipi or steps["asked"].ns in asked, f"cpu {ap.cpu}: {asked}"
    assert sum(one.end_ps - one.begin_ps for one in path.parts) == path.whole_ps
    assert {one.what for one in path.shares["cpu"]} == set(map(str, range(CPUS)))


def brought_up(image: str, platform: str, shim: str) -> Session:
    """A session in which the kernel has said that its CPUs are up."""
    first, second = (str(samples_dir() / shim), image) if shim else (image, None)
    session = open_session(
        first, platform=platform, cpus=CPUS, memory=MEMORY_MIB, kernel=second,
        cmdline=COMMAND_LINE,
    )  # fmt: skip
    session.do(f"until serial {WANTED}")
    said = session.machine.board.logs.events
    assert WANTED in session.stop[0].text, (
        f"{platform}: {session.stop[0].text}; {said[-1].text}"
    )
    return session


def started_cpu_3(session: Session) -> str:
    """Go back to what started CPU 3, and say what it was."""
    board = session.machine.board
    if board.mailbox_gpa is None:
        sent = [e for e in board.logs.events if "SIPI" in e.text and "cpu 3" in e.text]
        last = [e for e in sent if e.cpu == 0][-1]
        session.do(f"goto {last.tick}")
        return f"tick {last.tick:,}: cpu 0 {last.text}"
    for cpu in (3, 0):  # it has taken the command, which another CPU had stored
        (told,) = session.do("last-writer mailbox.command").reply[:1]
        assert f"by cpu {cpu} " in told, told
        session.do(f"goto {told.rpartition('tick ')[2].replace(',', '')}")
        session.do("reverse-step any 1")
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
