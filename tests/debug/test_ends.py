"""Whichever way people come to the end of what can happen, the session says what `run` says."""

import pytest

from emu import Session, open_session
from emu.errors import CommandError

BEYOND = "goto 999999999"
ENDS: dict[str, dict[str, object]] = {
    "hung": {"inject": ["stop 0 at tick 20000"]},
    "hung waiting": {"inject": ["stop 0 at secondary_online cpu 1"]},
    "crashed": {"inject": ["unaccept mailbox at tick 30000"]},
    "degraded": {"inject": ["never-starts 1"]},
    "limit": {"max_ticks": 50_000},
    "hung stuck": {"watchdog": 30_000},
}
"""Outcomes, and what a machine of two CPUs comes to them by."""
FRESH_WAYS = ((), ("run 9000",), ("run 9000", "reverse-step any 40"), ("step 3",))
"""What was done before the end was known."""
WAYS = (
    (),
    ("goto 50%",),
    ("goto 50%", "goto end"),
    ("goto start", "goto 100%"),
    ("mark here", "reverse-step any 40", "goto here"),
    ("goto 50%", "branch main"),
    ("goto 50%", "hold 0", "goto main"),
    ("goto 40%", "schedule timed", "branch main"),
    ("branch other",),
    ("goto 50%", "branch other"),
)
"""What is done from the end on; each leads back to it or to before it."""


def opened(end: str) -> Session:
    return open_session(platform="tdx", cpus=2, **ENDS[end])


def said(session: Session) -> tuple[object, ...]:
    """Where the machine stands and what is said of it."""
    view = session.view()
    return view.tick, view.outcome, view.outcome_reason, view.stop, session.digest()


@pytest.mark.parametrize("end", ENDS)
def test_goto_beyond_an_end_says_where_the_machine_stands_and_how_it_ended(end: str) -> None:
    ran = opened(end)
    assert (ran.do("run").outcome or "nothing") in end
    for way in FRESH_WAYS:
        session = opened(end)
        for words in (*way, BEYOND):
            view = session.do(words)
        assert said(session)[:4] == said(ran)[:4], way
        assert view.reply == (
            f"tick 999,999,999 lies beyond the end at tick {view.tick:,}: "
            f"{view.outcome_reason}",
        )
        assert not session.timeline.in_past


@pytest.mark.parametrize("end", ENDS)
def test_an_end_is_told_alike_whichever_way_people_come_back_to_it(end: str) -> None:
    session = opened(end)
    session.do("run")
    there = said(session)
    for way in WAYS:
        for words in way:
            session.do(words)
        if session.timeline.in_past:
            assert session.view().outcome is None
            session.do("run")
            assert said(session) == there, way
            session.do("goto 50%")
        session.do(BEYOND)
        assert said(session) == there, way
        with pytest.raises(
            CommandError,
            match=r"the boot is over, .*: reverse-step, reverse-run, goto and reset",
        ):
            session.do("run")


def test_goto_a_tick_that_is_reached_says_that_tick_and_nothing_of_an_end() -> None:
    session = open_session(platform="tdx", cpus=2)
    view = session.do("goto 12345")
    assert (view.tick, view.reply, view.outcome) == (12_345, (), None)
    assert view.stop[0].text == "at tick 12,345"


def test_a_run_goes_on_to_what_was_entered_behind_an_end() -> None:
    session = opened("crashed")
    session.do("run")
    session.do("set cpu0:rbx=7")
    there = said(session)
    session.do("goto 50%")
    session.do("run")
    assert said(session) == there


def test_a_run_to_an_end_that_was_stepped_to_enters_nothing_new() -> None:
    session = opened("crashed")
    session.do("run 34000")
    session.do("step 0 2000")
    end = session.timeline.end
    assert session.view().outcome == "crashed"
    session.do("goto 50%")
    session.do("run")
    session.do(BEYOND)
    assert session.timeline.end == end
