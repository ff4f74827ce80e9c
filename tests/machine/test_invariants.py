"""A machine that contradicts itself is stopped at the next border, whatever it is that does."""

from collections.abc import Callable

import pytest

from emu.hw.address import PAGE_BYTES, Gpa
from emu.machine import invariants
from emu.machine.machine import Machine
from emu.timeline.moment import Moment
from tests.guest import DATA, SHARED, Guest

SOURCE = """
cpu0: inc ecx
    jmp cpu0
start: pause
    cmp dword ptr [{SHARED}], 0
    je start
    hlt
"""


def machine() -> Machine:
    """CPU 0 runs, and CPU 1 waits in a loop."""
    driver = Guest(SOURCE, 2).driver()
    driver.drive(Moment(9_000))
    assert [cpu.activity for cpu in driver.machine.board.cpus] == ["running", "waiting"]
    return driver.machine


def at_border(one: Machine) -> None:
    invariants.at_border(one.board, one.waits, one.tracked)


def _open(one: Machine) -> None:
    one.board.npt.unprotect(Gpa(SHARED))
    one.board.npt.lift(SHARED)


BREAKS: dict[str, Callable[[Machine], None]] = {
    "the clock says": lambda one: setattr(one.board, "tick", one.board.tick + 1),
    "nothing is tried": lambda one: setattr(one.board, "on_trial", True),
    "tried or stepped": lambda one: setattr(one.board, "by_hand", True),
    "for the schedule": lambda one: one.board.running.add(1),
    "in waits": lambda one: setattr(one.board.cpus[1], "activity", "halted"),
    f"write unseen to {SHARED:#x}": _open,
}


@pytest.mark.parametrize("said", BREAKS)
def test_what_does_not_agree_is_said(said: str) -> None:
    one = machine()
    at_border(one)
    BREAKS[said](one)
    with pytest.raises(AssertionError, match=said):
        at_border(one)


@pytest.mark.parametrize("platform", ["none", "tdx"])
def test_a_page_that_is_mapped_as_its_state_is_not_is_named(platform: str) -> None:
    board = Guest(SOURCE, 2, platform).machine().board
    assert invariants.page_states(board) == []
    board.npt.unmap(Gpa(DATA), 2)
    assert invariants.page_states(board) == [DATA, DATA + PAGE_BYTES]
