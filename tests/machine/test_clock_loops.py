"""A loop that reads a clock ends at the very lap at which it would have, however long it takes
and however long the one before it took."""

from typing import Final

import pytest

from emu.machine.board import Board
from emu.machine.clock_loops import HORIZON_PS
from emu.timeline.chooser import Random
from tests.guest import SHARED, Guest, finish, program, word

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


FLAG: Final = """
cpu1: mov ecx, 2000
3:  dec ecx
    jnz 3b
    hlt
cpu0: mov ebx, {{SHARED}}
    mov ecx, {pad}
    rdtsc
    shl rdx, 32
    or rax, rdx
    lea rdi, [rax + 300000]
2:  dec ecx
    jnz 2b
1:  rdtsc
    shl rdx, 32
    or rax, rdx
    cmp rax, rdi
    setae al
    test al, al
    je 1b
    mov [rbx], rax
    hlt
"""
"""SETAE leaves the rest of RAX as the clock had it: two laps within 256 ticks of the TSC end
with one value in it, and one later does not."""


@pytest.mark.parametrize("pad", (9, 17, 33))
def test_a_register_that_holds_a_piece_of_the_clock_lets_nobody_sleep_for_ever(
    pad: int,
) -> None:
    """Slices as short as a lap end anywhere in it, and there the search for a wait begins."""
    driver = Guest(program(FLAG.format(pad=pad)), 2).driver()
    driver.schedule.chooser = Random(50_000, pad)
    assert word(finish(driver), SHARED) != 0
