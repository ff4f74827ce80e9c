"""`reset` begins again as a branch: nothing that a person did is lost by it."""

import random
from io import BytesIO
from pathlib import Path

import pytest

from emu import Session, open_session
from emu.debug import recording
from emu.debug.opening import replay_session

INJECTED = ("stall 1 3us at mailbox_wait cpu 1", "late-stores 0 5us")


def booted(*inject: str) -> Session:
    """The sample, run to its end."""
    session = open_session(platform="vbs", cpus=2, inject=inject)
    session.do("run")
    return session


def test_what_was_done_before_stays_as_a_branch_with_its_marks() -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("run 30000")
    session.do("mark here")
    there = session.digest()
    session.do("inject skew 1 50us")
    session.do("run")
    end = session.digest()
    (told,) = session.do("reset").reply
    assert "main" in told and "branch2" in told
    assert session.view().tick == 0 and session.timeline.branch.entries == []
    assert session.view().stop[0].text == "before the first instruction"
    session.do("branch main")
    assert session.digest() == end
    session.do("goto here")
    assert (session.view().tick, session.digest()) == (30_000, there)


def test_injections_of_the_old_branch_do_not_come_along() -> None:
    healthy = booted().digest()
    session = open_session(platform="vbs", cpus=2)
    session.do("inject skew 1 50us")
    session.do("run")
    assert session.digest() != healthy
    session.do("reset")
    session.do("run")
    assert session.digest() == healthy and session.view().entries == ()


def test_what_the_command_line_injects_is_injected_again_and_once() -> None:
    session = booted(*INJECTED)
    end, entries = session.digest(), [one.text for one in session.view().entries]
    for way in ("goto start", "goto 10000", "goto end"):
        session.do(way)
        session.do("reset")
        session.do("run")
        assert (session.digest(), [one.text for one in session.view().entries]) == (
            end, entries,
        )  # fmt: skip


def test_a_reset_where_nothing_was_done_begins_no_branch() -> None:
    session = open_session(platform="vbs", cpus=2, inject=INJECTED)
    for _ in range(3):
        assert session.do("reset").reply == ()
    assert list(session.timeline.branches) == ["main"]
    session.do("step 0 1")
    session.do("reset")
    session.do("reset")
    assert list(session.timeline.branches) == ["main", "branch2"]


def test_breakpoints_their_counts_and_the_cpu_in_focus_stay() -> None:
    session = open_session(platform="vbs", cpus=3)
    session.do("break mailbox_ack")
    session.do("run")
    focus = session.focus
    session.do("reset")
    (point,) = session.view().breakpoints
    assert (point.where, point.hits, session.focus) == ("mailbox_ack", 1, focus)
    assert session.do("run").stop[0].kind == "breakpoint"


def test_a_recording_with_resets_in_it_replays(tmp_path: Path) -> None:
    session = open_session(platform="vbs", cpus=2, inject=INJECTED)
    file = BytesIO()
    session.record(file)
    session.do("run 40000")
    session.do("inject nmi 1 at tick 60000")
    session.do("run")
    session.do("reset")
    session.do("run 20000")
    session.do("set cpu0:r12=7")
    session.do("reset")
    session.do("step 0 3")
    session.do("run")
    session.do("mark end-of-it")
    assert session.recorder is not None
    session.recorder.end()
    path = tmp_path / "reset.apdbg"
    path.write_bytes(file.getvalue())
    again, said = replay_session(recording.read(path))
    assert said == []
    assert again.digest() == session.digest()
    assert again.timeline.branch.marks == session.timeline.branch.marks
    assert again.do("goto end-of-it").focus == session.focus


def test_a_branch_behind_a_reset_is_saved_and_so_is_the_one_before(tmp_path: Path) -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("run 30000")
    session.do("inject skew 1 50us")
    session.do("run")
    session.do("reset")
    session.do("run")
    for name, words in (("new", "goto end"), ("old", "branch main")):
        session.do(words)
        session.do(f"save {tmp_path / name}")
        again, said = replay_session(recording.read(tmp_path / name))
        assert (said, again.digest()) == ([], session.digest())


def test_a_replay_is_begun_again_too(tmp_path: Path) -> None:
    session = open_session(platform="vbs", cpus=2)
    session.do("inject skew 1 50us")
    session.do("run")
    session.do(f"save {tmp_path / 'one'}")
    again, _ = replay_session(recording.read(tmp_path / "one"))
    again.do("reset")
    again.do("run")
    assert again.digest() == booted().digest()
    again.do("branch main")
    assert again.digest() == session.digest()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_was_done_in_between_a_reset_is_a_power_on(seed: int) -> None:
    """The same few commands behind any reset come to what they come to behind power-on."""
    dice = random.Random(seed)
    session = open_session(platform="vbs", cpus=3, seed=seed)
    fresh = open_session(platform="vbs", cpus=3, seed=seed)
    for _ in range(4):
        for _ in range(dice.randrange(5)):
            session.do(dice.choice((
                "run 9000", "run", "step all 7", "goto 50%", "hold 1", "inject nmi 0",
                "schedule random 3 quantum 900", "set cpu0:r12=5", "branch main", "step 0 40",
            )) if session.view().outcome is None else "goto 50%")  # fmt: skip
        session.do("reset")
        assert session.digest() == fresh.digest()
        ticks = dice.randrange(1, 60_000)
        session.do(f"run {ticks}")
        fresh.do("reset")
        fresh.do(f"run {ticks}")
        assert session.digest() == fresh.digest()
        fresh.do("reset")
