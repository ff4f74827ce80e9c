"""A machine runs along its branch: to any moment, by hand, with every entry at its own."""

import random

import pytest

from emu.errors import CommandError
from emu.machine.pause import Pause
from emu.timeline.digest import Digest
from emu.timeline.driver import STRETCH_TICKS, Driver
from emu.timeline.moment import Entry, Moment
from tests.guest import FOREVER, SHARED, Guest, finish, go_on, label, program, word

SOURCE = """
start: mov ebx, {SHARED}
    mov ecx, 400
1:  lock inc dword ptr [rbx]
    dec ecx
    jnz 1b
    hlt
handler2: lock inc dword ptr [rbx + 8]
    iretq
"""
CODE = program(SOURCE)


def state(driver: Driver, digest: Digest) -> tuple[object, ...]:
    """Where it stands."""
    board = driver.machine.board
    clocks = [(cpu.clock_ps, cpu.ticks, cpu.activity) for cpu in board.cpus]
    return driver.now, digest.now(), clocks, list(map(str, board.logs.events))


def ended(entries: list[Entry], goals: list[Moment]) -> tuple[object, ...]:
    """Run along these entries, over these moments, to the end."""
    driver = Guest(CODE, 3).driver()
    driver.entries = list(entries)
    digest = Digest(driver.machine)
    for goal in goals:
        driver.drive(goal)
    driver.drive(FOREVER)
    return state(driver, digest)


def recorded() -> list[Entry]:
    """A run with something entered here and there."""
    driver = Guest(CODE, 3).driver()
    for tick, text in (
        (0, "schedule random 3 quantum 50"), (90, "hand 1"), (95, "auto"), (300, "hold 0"),
        (700, f"set gpa:{SHARED + 16:#x}/4=7"), (900, "release 0"), (900, "inject nmi 2"),
        (1_200, "schedule timed"), (1_400, "set cpu1:rcx=5"),
    ):  # fmt: skip
        driver.drive(Moment(tick))
        driver.enter(text)
    return driver.entries


@pytest.mark.parametrize("seed", range(4))
def test_entries_happen_at_their_moments_wherever_somebody_stops(seed: int) -> None:
    entries, draw = recorded(), random.Random(seed)
    whole = ended(entries, [])
    goals = sorted(draw.sample(range(2_500), 30))
    assert ended(entries, [Moment(tick) for tick in goals]) == whole
    assert ended(entries, [Moment(tick, draw.randrange(40)) for tick in goals]) == whole
    moment = whole[0]
    assert isinstance(moment, Moment) and moment.entries == len(entries) == 9


def test_by_hand_one_cpu_is_stepped_and_the_others_stand_still() -> None:
    driver = Guest(CODE, 3).driver()
    driver.enter("hand 1")
    driver.drive(Moment(57))
    assert [cpu.ticks for cpu in driver.machine.board.cpus] == [0, 57, 0]
    driver.enter("hand 2")
    driver.drive(Moment(60))
    assert [cpu.ticks for cpu in driver.machine.board.cpus] == [0, 57, 3]
    driver.enter("hand 1")
    assert driver.drive(FOREVER) is Pause.HUNG  # it has halted
    assert driver.machine.board.cpus[1].activity == "halted"
    driver.enter("auto")
    assert driver.drive(FOREVER) is Pause.HUNG
    assert word(driver.machine.board, SHARED, 4) == 3 * 400


def test_between_two_slices_and_before_each_step_somebody_may_look() -> None:
    driver, seen = Guest(CODE, 2).driver(), []

    def look() -> int:
        seen.append((driver.now, driver.schedule.slice))
        return 1

    driver.between = look
    driver.drive(Moment(500))
    assert seen and all(slice_ is None for _, slice_ in seen)
    assert [now for now, _ in seen] == sorted({now for now, _ in seen})
    driver.enter("hand 0")
    seen.clear()
    driver.drive(Moment(driver.now.tick + 9))
    assert len({now for now, _ in seen}) >= 9


def test_a_stretch_is_no_longer_than_one_look_allows() -> None:
    driver = Guest("start: inc ecx\n jmp start").driver()
    while driver.stretch(FOREVER) is Pause.SLICE and driver.now.tick < 4 * STRETCH_TICKS:
        before = driver.now.tick
        driver.stretch(FOREVER)
        assert driver.now.tick - before <= STRETCH_TICKS


def test_a_breakpoint_ends_a_stretch_but_not_a_drive() -> None:
    driver = Guest(CODE, 2).driver()
    board = driver.machine.board
    board.addresses.stop(label(board, "start") + 5, None)
    assert go_on(driver) is Pause.BREAKPOINT and driver.now.tick == 1
    assert driver.drive(FOREVER) is Pause.HUNG
    assert word(board, SHARED, 4) == 800


def test_what_cannot_be_entered_changes_nothing() -> None:
    driver = Guest(CODE, 2).driver()
    driver.drive(Moment(100))
    digest = Digest(driver.machine)
    before, schedule = state(driver, digest), driver.schedule.save()
    for text in ("hand 2", "jump", "set", "set rax", "inject no-such-thing", "schedule x",
                 "set gpa:0x1=1"):  # fmt: skip
        with pytest.raises(CommandError):
            driver.enter(text)
    assert (state(driver, digest), driver.schedule.save()) == (before, schedule)
    assert driver.entries == [] and driver.done == 0


def test_a_guest_that_has_ended_is_at_its_outcome_for_good() -> None:
    driver = Guest("start: mov eax, [0x100]", 2).driver()
    assert driver.drive(FOREVER) is Pause.OUTCOME and driver.final
    now = driver.now
    assert driver.drive(FOREVER) is Pause.OUTCOME and driver.now == now
    assert finish(driver).crash
