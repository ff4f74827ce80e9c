"""A CPU that comes to a named place is told of once, and stops only where it is to stop."""

from emu.boot.roles import SAMPLE
from emu.hw.cpu import Cpu
from emu.machine.arrivals import Arrivals, Passed
from emu.machine.board import Board
from emu.machine.event import Milestone
from emu.machine.pause import Pause
from emu.timeline.digest import Digest
from emu.timeline.driver import Driver
from tests.guest import Guest, finish, go_on, label

NAMED, ENTRY = "shim_main", "kernel_start"
POINT, OS_ENTRY = (
    next(one for one in SAMPLE.points if one.name == name) for name in (NAMED, ENTRY)
)
SOURCE = f"""
start: mov ecx, 3
    mov esi, 0x1230
again: nop
{NAMED}: dec ecx
    jnz again
{ENTRY}: nop
other: hlt
"""


class Heard(list[tuple[int, Passed]]):
    """Whoever listens, what it was told, and at which beats."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.board = board
        self.beats: list[tuple[int, int]] = []

    def passed(self, cpu: Cpu, passed: Passed) -> None:
        """A CPU is about to execute there."""
        self.append((cpu.id, passed))
        self.beats.append((self.board.tick, self.board.beat))


def guest(cpus: int) -> tuple[Driver, Heard]:
    """A guest with two named places, one of them in a loop."""
    driver = Guest(SOURCE, cpus).driver()
    heard = Heard(driver.machine.board)
    arrivals = driver.machine.arrivals
    assert isinstance(arrivals, Arrivals)
    arrivals.listeners = (*arrivals.listeners, heard)
    return driver, heard


def test_a_milestone_is_reached_once_however_often_a_cpu_comes_by() -> None:
    driver, heard = guest(2)
    board = finish(driver)
    told = [(one.cpu, one.detail) for one in board.logs.events if one.kind == "milestone"]
    assert sorted(told, key=str) == sorted(
        (
            (cpu, Milestone(point.name, point.roles))
            for cpu in (0, 1)
            for point in (POINT, OS_ENTRY)
        ),
        key=str,
    )
    named, entered = label(board, NAMED), label(board, ENTRY)
    for cpu in (0, 1):
        assert [passed for one, passed in heard if one == cpu] == [
            Passed(named, reached=POINT), Passed(named), Passed(named),
            Passed(entered, reached=OS_ENTRY),
        ]  # fmt: skip
    assert board.boot_params == 0x1230
    beats = [beat for (_, beat), one in zip(heard.beats, heard, strict=True) if one[1].reached]
    assert len(set(beats)) == len(beats) == 4  # each is a state of its own


def test_only_the_cpus_that_are_to_stop_do_and_nobody_is_told_twice() -> None:
    driver, heard = guest(3)
    board = driver.machine.board
    board.addresses.stop(label(board, "other"), frozenset((1,)))
    board.addresses.stop(label(board, NAMED), frozenset((2,)))
    stops = []
    while go_on(driver) is Pause.BREAKPOINT:
        stops.append((board.at_work, board.cpus[board.at_work or 0].registers.rip))
    named, other = label(board, NAMED), label(board, "other")
    assert sorted(stops, key=str) == sorted(
        [(1, other), (2, named), (2, named), (2, named)], key=str
    )
    reached = [(cpu, one.address) for cpu, one in heard if one.reached]
    assert len(reached) == 6 and len(set(reached)) == 6


def test_where_somebody_stops_changes_nothing() -> None:
    ends = []
    for stopping in (True, False):
        driver, heard = guest(2)
        board, digest = driver.machine.board, Digest(driver.machine)
        if stopping:
            for name in ("again", NAMED, ENTRY, "other"):
                board.addresses.stop(label(board, name), None)
        while go_on(driver) is Pause.BREAKPOINT:
            pass
        events = [str(one) for one in board.logs.events]
        told = [one for one in heard if one[1].reached]
        ends.append((digest.now(), board.tick, board.beat, events, told))
    assert ends[0] == ends[1]
