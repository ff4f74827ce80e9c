"""All CPUs in rows: what is remembered of a row is never older than the machine."""

import pytest

from emu import Session, open_session
from emu.judge.fate import ground
from emu.picture.cpu_row import cpu_view, place_of


def rows(session: Session) -> None:
    """Every row is what a look without memory gives."""
    machine = session.machine
    known = ground(machine, over=session.view().outcome in ("booted", "degraded"))
    for view in session.view().cpus:
        cpu = machine.board.cpus[view.id]
        if cpu.id in machine.waits.waiting:
            continue  # a sleeper's clock is the lap's, not its own
        fresh = cpu_view(machine, cpu, known, place_of, lambda _, words=view.waits: words)
        assert view == fresh


@pytest.mark.parametrize("platform", ["tdx", "sipi"])
def test_a_row_is_as_fresh_as_the_machine(platform: str) -> None:
    session = open_session(platform=platform, cpus=3)
    for order in (
        "until kernel_start", "step", "inject stall 0 5000", "set cpu0:rax=1", "run 20000",
        "goto 5000", "inject stall 0 7000", "goto end", "branch main", "hold 0", "run 1000",
        "step 1", "goto start",
    ):  # fmt: skip
        session.do(order)
        rows(session)


def test_branches_with_equally_many_entries_are_told_apart() -> None:
    session = open_session(cpus=1)
    session.do("run 5000")
    session.do("inject stall 0 5000")
    rows(session)
    stalled = session.view().cpus[0].virtual_ns
    session.do("goto 5000")
    session.do("reverse-step")
    session.do("step")
    session.do("set cpu0:rax=0x10")
    rows(session)
    assert session.view().cpus[0].virtual_ns < stalled
