"""`Resume` is what is asked of CPUs; the commands that move are made of it."""

import pytest

from emu import Session, open_session
from emu.debug.resume import Resume
from emu.errors import CommandError

PAIRS = (
    ("step 0 5", Resume(((0, "step"),), "stop", count=5)),
    ("step all 3", Resume(others="step", count=3)),
    ("run 400", Resume(ticks=400)),
    ("until mailbox_wait", Resume(until="mailbox_wait")),
    ("reverse-step 0 9", Resume(((0, "step"),), "stop", "backward", 9)),
    ("reverse-step any 9", Resume(others="step", direction="backward", count=9)),
    ("reverse-run", Resume(direction="backward")),
)


def where(session: Session) -> tuple[object, ...]:
    """All that a command can leave behind."""
    return session.timeline.now, session.focus, session.stop, session.digest()


@pytest.mark.parametrize(("words", "wanted"), PAIRS, ids=lambda one: str(one)[:20])
def test_a_command_and_its_resume_are_the_same(words: str, wanted: Resume) -> None:
    one, other = open_session(platform="vbs", cpus=3), open_session(platform="vbs", cpus=3)
    for session in (one, other):
        session.do("break shim_main")
        session.do("run")
        session.do("run 3000")
    one.do(words)
    other.do(wanted)
    assert where(one) == where(other)


def test_one_cpu_runs_alone_until_something_stops_it() -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("until kernel_start")
    others = [cpu.ticks for cpu in session.machine.board.cpus[1:]]
    session.do("break wake_aps")
    view = session.do(Resume(((0, "run"),), "stop"))
    assert [(stop.kind, stop.cpu) for stop in view.stop] == [("breakpoint", 0)]
    session.do(Resume(((0, "run"),), "stop", ticks=700))
    assert [cpu.ticks for cpu in session.machine.board.cpus[1:]] == others


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Resume(others="stop"), "no CPU is to go on"),
        (Resume(((7, "step"),), "stop"), "there is no cpu 7"),
        (Resume(((0, "step"),), "run"), "either one CPU goes on alone"),
        (Resume(((0, "run"),), "stop", "backward"), "backward, either one CPU steps alone"),
        (Resume(((1, "step"),), "stop"), "cpu 1 cannot step"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(wanted: Resume, says: str) -> None:
    session = open_session(platform="none", cpus=2)
    with pytest.raises(CommandError, match=says):
        session.do(wanted)
    assert session.machine.board.tick == 0 and not session.running
