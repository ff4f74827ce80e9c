"""A run that does nothing but take the same faults is ended, with the fault and how often."""

import pytest

from emu.debug.alive import alive_words
from emu.debug.setup import Options
from emu.judge import same_faults
from emu.judge.same_faults import SameFaults, fault_words
from emu.machine.machine import Machine
from tests.guest import Guest, boot
from tui import alive, headless
from tui.alive import Alive
from tui.command_line import parse

RUNAWAY = """
start:
    int3
handler3:
    dec qword ptr [rsp]     # back to the 0xcc, as from a page of them
    iretq
"""
ONCE = """
start:
    mov ecx, 500
again:
    int3
    dec ecx
    jnz again
    hlt
handler3:
    iretq
"""


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_faults, "FOR_EVER", 400)


def faulting(*texts: str) -> Machine:
    machine = Guest("start: hlt").machine()
    for text in texts:
        machine.board.event(machine.board.cpus[0], "fault", text)
    return machine


@pytest.mark.usefixtures("soon")
def test_a_cpu_that_takes_the_same_fault_for_ever_is_hung_and_the_fault_is_named() -> None:
    session = boot(RUNAWAY, options=Options(same_faults=400))
    view = session.do("run")
    assert view.outcome == "hung"
    assert view.outcome_reason.startswith(
        "nothing happens any more but cpu 0 taking INT 0x3 at start, "
    )
    count = int(view.outcome_reason.rpartition(", ")[2].removesuffix(" times").replace(",", ""))
    assert count == len(session.machine.board.logs.events) >= 400


def test_it_goes_on_where_nobody_asked_for_an_end() -> None:
    session = boot(RUNAWAY, max_ticks=4_000)
    assert session.do("run").outcome == "limit"


@pytest.mark.usefixtures("soon")
def test_faults_that_come_to_an_end_end_nothing() -> None:
    session = boot(ONCE, options=Options(same_faults=600))
    assert "no CPU can ever run again" in session.do("run").outcome_reason


@pytest.mark.usefixtures("soon")
def test_what_differs_or_is_interrupted_by_progress_is_not_the_same() -> None:
    many = faulting(*(f"#PF reading {at:#x}" for at in range(400)))
    assert (SameFaults().look(many), fault_words(many)) == (0, "")
    pair = faulting(*(text for _ in range(200) for text in ("#PF at a", "#GP at b")))
    assert SameFaults().look(pair) == 400
    assert fault_words(pair).endswith("taking #GP at b, 200 times, and 1 other fault")
    counts = SameFaults()
    assert counts.look(pair) == 400
    pair.board.event(pair.board.cpus[0], "serial", "a line")
    assert (counts.look(pair), fault_words(pair)) == (0, "")


def test_in_the_past_they_are_counted_anew() -> None:
    machine, counts = faulting("a", "a", "a"), SameFaults()
    assert counts.look(machine) == 3
    machine.board.logs.events.now = 1
    assert counts.look(machine) == 1
    machine.board.event(machine.board.cpus[0], "fault", "a")
    assert counts.look(machine) == 2


def test_a_long_run_says_where_it_is_on_stderr_and_not_in_its_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = boot(ONCE)
    times = iter((0.0, alive.EVERY_SECONDS - 1, alive.EVERY_SECONDS, alive.EVERY_SECONDS + 1))
    life = Alive(session, lambda: next(times))
    session.do("run")
    for _ in range(3):
        life.look()
    said = capsys.readouterr()
    assert said.out == ""
    (row,) = said.err.splitlines()
    assert row.startswith("apdbg: still running: 1,")
    assert "last: cpu 0: halts at" in row


def test_folded_faults_are_counted_in_the_sign_of_life() -> None:
    words = alive_words(faulting("#PF reading 0x40", "#PF reading 0x40"))
    assert words.endswith("last: cpu 0: #PF reading 0x40, 2 times (tick 0)")


def test_runs_without_a_screen_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(headless, "open_session", lambda *_, **more: asked.update(more))
    headless.opened(parse(["run", "--platform", "sipi"]))
    assert asked["same_faults"] == same_faults.FOR_EVER
