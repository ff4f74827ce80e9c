"""What the kernel does about a CPU that is lost on the way, late, or crashes."""

from collections.abc import Callable

import pytest

from emu import Session, open_session
from tests.house.tree import ROOT


def stopped_at(where: str, platform: str = "vbs") -> Session:
    """Four CPUs, run until CPU 2 is about to execute a symbol's first instruction."""
    session = open_session(str(ROOT / "samples" / "shim.elf"), platform=platform, cpus=4)
    session.do(f"break {where} cpu 2")
    session.do("run")
    session.do("delete 1")
    return session


def silence(session: Session) -> None:
    """CPU 2 executes nothing any more, as if its host never scheduled it."""
    session.machine.waits.forget(session.machine.board.cpus[2])
    session.machine.board.turn(session.machine.board.cpus[2], "off")


def jump_into_nothing(session: Session) -> None:
    """CPU 2 goes on at an address that no table maps."""
    session.machine.board.cpus[2].registers.put("rip", 0x7000_0000_0000)


def kernel_lines(session: Session) -> list[str]:
    """What the kernel printed until the machine switched off."""
    return [line for line in session.view().serial.splitlines() if line.startswith("cpu 2")]


@pytest.mark.parametrize(
    ("where", "harm", "line"),
    [
        ("mailbox_ack", silence, "cpu 2: no ack"),
        ("secondary_start", silence, "cpu 2: woken, but not online"),
        ("secondary_idle", silence, "cpu 2 (apic id 2) online"),
        ("secondary_online", jump_into_nothing, "cpu 2: exception 14 at 0x700000000000 "),
    ],
)
def test_a_lost_cpu_is_one_line_and_not_the_end(
    where: str, harm: Callable[[Session], None], line: str
) -> None:
    session = stopped_at(where)
    harm(session)
    view = session.do("run")
    assert kernel_lines(session)[0].startswith(line)
    online = 4 if where == "secondary_idle" else 3
    assert f"kernel: {online} of 4 cpus online" in view.serial


def test_a_cpu_that_wakes_too_late_gets_no_stack() -> None:
    session = stopped_at("secondary_start")
    silence(session)
    session.do("until kernel_done")
    session.machine.board.turn(session.machine.board.cpus[2], "running")
    session.do("step 2 2000")
    assert session.view().cpus[2].symbol.startswith("secondary_lost")
    assert kernel_lines(session) == ["cpu 2: woken, but not online"]
