"""A loop that reads a clock ends at the very lap at which it would have, however long it takes
and however long the one before it took."""

import pytest

from emu.machine.board import Board
from emu.machine.clock_loops import HORIZON_PS
from tests.guest import SHARED, Guest, finish, word

DELAYS = (2_000, 2_000, 90_000, 90_000, 400, 50_000_000, 90_000, 1)
SOURCE = "start: mov ebx, {SHARED}\n" + "".join(
    f"""
    rdtsc
    mov esi, eax
    add esi, {delay}
{number}: pause
    rdtsc
    cmp eax, esi
    jb {number}b
    mov [rbx + {8 * number}], eax
"""
    for number, delay in enumerate(DELAYS)
)
"""One wait for each delay, in ticks of the TSC; what it read at last is kept."""


def ended(count: int, waiting: bool) -> Board:
    """The guest's first delays, with or without sleep."""
    source = SOURCE.partition(f"\n{count}:")[0] if count < len(DELAYS) else SOURCE
    return finish(Guest(f"{source}\n hlt", waiting=waiting).driver())


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_delay_ends_as_if_every_lap_had_been_executed(count: int) -> None:
    asleep, awake = ended(count, True), ended(count, False)
    assert asleep.cpus[0].clock_ps == awake.cpus[0].clock_ps
    for number in range(count):
        assert word(asleep, SHARED + 8 * number, 4) == word(awake, SHARED + 8 * number, 4)
    assert asleep.tick < awake.tick, "it did sleep"


def test_how_long_a_delay_lasts_is_found_in_few_trials() -> None:
    driver = Guest(f"{SOURCE}\n hlt").driver()
    board = finish(driver)
    lengths = [word(board, SHARED + 8 * number, 4) for number in range(len(DELAYS))]
    assert lengths == sorted(lengths)
    assert 10**10 < board.cpus[0].clock_ps < HORIZON_PS, "the long one was waited for"
    assert board.tick < 2_000, "and it was not executed"


def test_what_the_last_delay_lasted_is_put_back_with_the_waits() -> None:
    driver = Guest(f"{SOURCE}\n hlt").driver()
    waits = driver.machine.waits
    before = waits.save()
    finish(driver)
    assert waits.save().lasted
    waits.load(before)
    assert waits.save().lasted == before.lasted == {}
