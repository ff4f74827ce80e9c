"""A way through the past in slices: it can be stopped, and is no moment to look at."""

import pytest

from emu import Session, open_session
from emu.errors import CommandError
from emu.profile import profile


@pytest.fixture
def session() -> Session:
    """A boot that has ended; nothing met the breakpoint, so the whole past is searched."""
    found = open_session(cpus=4)
    found.do("run")
    found.do("break secondary_shift")
    found.in_slices = True
    return found


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two stretches the caller is asked."""
    monkeypatch.setattr("emu.debug.session.SEARCH_SECONDS", 0.0)


def test_a_search_in_slices_comes_to_what_it_comes_to_at_once(session: Session) -> None:
    for order in ("reverse-step", "reverse-next", "reverse-finish", "goto 50%", "reverse-run"):
        before = session.timeline.now
        session.do(order)
        there, digest = session.timeline.now, session.digest()
        session.in_slices = False
        session.do("goto end")
        session.timeline.goto(before)
        session.do(order)
        assert (session.timeline.now, session.digest()) == (there, digest), order
        session.in_slices = True


@pytest.mark.parametrize("after", [0, 1, 5, 20])
@pytest.mark.parametrize(
    "order", ["reverse-run", "goto 20%", "executed mailbox_wait", "profile"]
)
def test_a_search_that_is_stopped_leaves_the_machine_where_it_was(
    session: Session, order: str, after: int
) -> None:
    here, digest, verdict = session.timeline.now, session.digest(), session.view().outcome
    session.begin(order)
    for _ in range(after):
        session.pump(0.0)
    if not session.searching:
        pytest.skip("it was over by then")
    session.pause()
    assert not session.running
    assert (session.timeline.now, session.digest()) == (here, digest)
    assert session.view().outcome == verdict
    assert session.view().reply == ("stopped: the machine is where it was",)
    session.do("reverse-step")
    assert session.timeline.now.tick == here.tick - 1


def test_a_profile_is_made_in_slices_of_less_than_a_clock(session: Session) -> None:
    session.begin("profile")
    looks = 1
    while session.pump(0.0):
        looks += 1
    assert looks >= len(session.machine.board.cpus) + len(profile.chosen(()))
    told = session.view().reply
    session.in_slices = False
    assert session.do("profile").reply == told


def test_while_the_past_is_searched_no_other_command_begins(session: Session) -> None:
    session.begin("reverse-run")
    assert session.searching
    with pytest.raises(CommandError, match="being searched"):
        session.begin("registers")
    with pytest.raises(CommandError, match="being searched"):
        session.view(3)
    session.pause()
    session.view(3)


def test_an_error_of_a_search_is_told_when_it_is_found(session: Session) -> None:
    session.do("goto 60%")
    session.do("cpu 3")
    here = session.timeline.now
    session.begin("reverse-finish")
    assert session.searching
    with pytest.raises(CommandError, match="in no function that was called"):
        while session.pump(0.0):
            pass
    assert not session.running and session.timeline.now == here


def test_a_way_beyond_what_is_known_runs_on(session: Session) -> None:
    fresh = open_session(cpus=4)
    fresh.in_slices = True
    fresh.do("goto 20000")
    assert fresh.machine.board.tick == 20_000
