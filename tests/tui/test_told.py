"""What a run is told by, line by line: what a guest says twice is said once."""

from emu import Session
from emu.machine.event import EventKind
from tests.guest import boot
from tui.told import Way


def heard(session: Session, *happens: tuple[EventKind, str]) -> list[str]:
    """What is said of these events of CPU 0, during a run."""
    board, way = session.machine.board, Way(session, "run")
    for kind, text in happens:
        board.event(board.cpus[0], kind, text)
    return list(way.lines())


def test_a_logged_line_is_said_as_it_is_logged() -> None:
    assert heard(boot("hlt"), ("log", "one"), ("log", "two")) == ["cpu 0: one", "cpu 0: two"]


def test_what_comes_on_the_serial_port_as_well_is_said_once() -> None:
    session = boot("hlt")
    twice = heard(session, ("log", "one"), ("log", "two"), ("serial", "one"), ("serial", "two"))
    assert twice == ["cpu 0: one", "cpu 0: two"]


def test_what_is_logged_again_is_said_again() -> None:
    session = boot("hlt")
    said = heard(session, ("log", "one"), ("serial", "one"), ("serial", "two"), ("log", "one"))
    assert said == ["cpu 0: one", "cpu 0: two", "cpu 0: one"]
