"""Steps by line of source, against the text of the source."""

from pathlib import Path

import pytest

from emu import Session, open_session
from emu.errors import CommandError
from emu.picture.stop import AtBreakpoint, OnLine
from tests.guest import boot
from tests.house.tree import ROOT


def line_of(text: str, file: Path = ROOT / "shim/main.c") -> int:
    """The number of the only line with a text."""
    (found,) = (n for n, line in enumerate(file.read_text().splitlines(), 1) if text in line)
    return found


def where(session: Session) -> str:
    """`main.c:128` of the CPU in focus."""
    return session.cpus()[session.focus].line.rpartition("/")[2]


@pytest.fixture
def session() -> Session:
    found = open_session(platform="none", cpus=2)
    found.do("until say_what_was_found")
    return found


def test_next_line_goes_over_calls(session: Session) -> None:
    first = line_of("static void say_what_was_found")
    session.do("next line")
    numbers = [int(where(session).partition(":")[2])]
    for _ in range(3):
        view = session.do("next line")
        assert isinstance(view.stop[0], OnLine)
        numbers.append(int(where(session).partition(":")[2]))
    assert where(session).startswith("main.c:")
    assert numbers == sorted(set(numbers))
    assert first < numbers[0]


def test_step_line_goes_into_a_call(session: Session) -> None:
    for _ in range(8):
        session.do("step line")
        if not where(session).startswith("main.c:"):
            break
    assert where(session).startswith("print.c:")


def test_a_count_is_as_many_single_ones(session: Session) -> None:
    other = open_session(platform="none", cpus=2)
    other.do("until say_what_was_found")
    session.do("step line 7")
    for _ in range(7):
        other.do("step line")
    assert session.machine.board.tick == other.machine.board.tick
    assert session.digest() == other.digest()


def test_every_stop_is_on_another_line_than_the_one_before(session: Session) -> None:
    before = where(session)
    for _ in range(40):
        session.do("step line")
        assert where(session) != before
        before = where(session)


def test_back_by_a_line_is_where_that_line_began(session: Session) -> None:
    places = []
    for _ in range(6):
        places.append((session.machine.board.tick, where(session)))
        session.do("next line")
    now = session.machine.board.tick
    session.do("reverse-step line")
    assert session.machine.board.tick < now
    tick, line = session.machine.board.tick, where(session)
    session.do("reverse-step")
    assert where(session) != line
    session.do(f"goto {tick}")
    session.do("reverse-step line 2")
    assert session.machine.board.tick < tick


@pytest.mark.parametrize("count", [2, 3, 17])
def test_back_by_many_lines_at_once_is_where_one_line_at_a_time_comes(
    session: Session, count: int
) -> None:
    session.do("run 3000")
    tick = session.machine.board.tick
    for _ in range(count):
        session.do("reverse-step line")
    one_by_one = session.machine.board.tick
    session.do(f"goto {tick}")
    session.do(f"reverse-step line {count}")
    assert session.machine.board.tick == one_by_one < tick


def test_more_lines_than_there_were_are_refused_and_keep_no_checkpoint(
    session: Session,
) -> None:
    session.do("run 3000")
    tick, points = session.machine.board.tick, len(session.timeline.branch.points)
    with pytest.raises(CommandError, match="no such line"):
        session.do("reverse-step line 18446744073709551615")
    assert session.machine.board.tick == tick
    assert len(session.timeline.branch.points) <= points + 8


def test_a_line_that_waits_ends_in_words() -> None:
    session = open_session(platform="none", cpus=2)
    session.do("until mailbox_wait")
    session.do("until mailbox_wait")
    for _ in range(8):
        view = session.do("step line")
        if "still in" in view.stop[0].text:
            break
    assert len(session.stop) == 1
    session = boot("start:\n pause\n jmp start")
    view = session.do("step line")
    assert view.stop[0].text.startswith("cpu 0 is at no line of source yet after 200,000")


def test_it_can_be_stopped() -> None:
    session = boot("start:\n inc rbx\n jmp start")
    session.begin("step line")
    assert session.pump(0.0)
    session.pause()
    assert session.stop[0].text == "paused"


def test_a_breakpoint_on_the_way_stops_it(session: Session) -> None:
    session.do("break print")
    view = session.do("next line 20")
    assert isinstance(view.stop[0], AtBreakpoint)


def test_before_the_first_line_nothing_is_gone_back_to() -> None:
    session = open_session(platform="none", cpus=2)
    with pytest.raises(CommandError, match="has executed no such line"):
        session.do("reverse-step line")


def test_in_the_past_nothing_known_is_changed(session: Session) -> None:
    session.do("run 5000")
    tick, digest = session.machine.board.tick, session.digest()
    session.do("goto 30000")
    session.do("next line 3")
    session.do("reverse-step line")
    branches = session.do("branches").reply
    session.do(f"goto {tick}")
    assert session.digest() == digest
    assert len(branches) == 1
