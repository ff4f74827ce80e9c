"""What people do, in words: each does its one thing, and another's is refused whole."""

import pytest

from emu.errors import CommandError
from emu.machine import snapshot
from emu.timeline import entry
from emu.timeline.chooser import Random
from emu.timeline.driver import Driver
from tests.guest import DATA, Guest, word


def guest() -> Driver:
    """Three CPUs in the middle of something."""
    driver = Guest("start: inc ecx\n jmp start", 3).driver()
    driver.drive(driver.now._replace(tick=500))
    assert driver.schedule.slice is not None
    return driver


def carry_out(driver: Driver, *texts: str) -> None:
    """Do it, with no driver's bookkeeping."""
    for text in texts:
        entry.carry_out(driver.machine, driver.schedule, text)


def test_words_of_the_schedule_end_the_slice_that_is_run() -> None:
    for text in ("hand 1", "schedule random 5", "first 2", "hold 1", "release 1"):
        driver = guest()
        carry_out(driver, text)
        assert driver.schedule.slice is None, text


def test_each_says_what_it_is() -> None:
    driver = guest()
    schedule = driver.schedule
    carry_out(driver, "hold 1", "hold 2", "release 1", "first 0", "hand 1")
    assert (schedule.held, schedule.first, schedule.by_hand) == ({2}, 0, 1)
    carry_out(driver, "auto", "schedule random 5 quantum 7")
    assert (schedule.by_hand, schedule.chooser) == (None, Random(7_000, 5))


def test_a_place_is_set_wherever_it_is() -> None:
    driver = guest()
    board = driver.machine.board
    carry_out(driver, "set cpu2:rcx=0x77", f"set gpa:{DATA:#x}/2=0x1234")
    assert board.cpus[2].registers.get("rcx") == 0x77 and word(board, DATA) == 0x1234
    assert board.cpus[1].registers.get("rcx") != 0x77


def test_an_injection_happens_at_once_or_is_armed() -> None:
    driver = guest()
    carry_out(driver, "inject nmi 1", "inject nmi 2 at tick 900")
    assert (
        driver.machine.board.vmm.vps[1].pending and not driver.machine.board.vmm.vps[2].pending
    )
    (armed,) = driver.machine.injected.armed
    assert armed.trigger.number == 900


@pytest.mark.parametrize(
    "text",
    ["", "hands 1", "hand", "hand 3", "hand x", "hold -1", "first 9", "release", "set rax",
     "set cpu5:rax=1", "set gpa:0x10=1", "schedule", "inject", "inject nmi 7"],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_has_changed(text: str) -> None:
    driver = guest()
    before = snapshot.take(driver.machine, None), driver.schedule.save()
    with pytest.raises(CommandError):
        carry_out(driver, text)
    assert (snapshot.take(driver.machine, None), driver.schedule.save()) == before
