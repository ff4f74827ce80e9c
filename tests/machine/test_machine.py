"""One CPU is run to a moment, and where somebody stops or looks changes nothing."""

import random
from typing import Final

import pytest

from emu.machine import by_hand, ipi
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.timeline.digest import Digest
from emu.timeline.driver import Driver
from emu.timeline.moment import Moment
from tests import shard
from tests.guest import SHARED, Guest, assembled, finish, label, word
from tests.small import small

ENDLESS: Final = 1 << 62
COUNT: Final = """
start: mov ecx, 100000
1:  dec ecx
    jnz 1b
    hlt
handler2: mov [{SHARED}], rcx
    iretq
handler64: iretq
"""
EXITS: Final = """
start: mov ebp, {SHARED}
    mov dword ptr [rbp], 1
    mov eax, 1
    cpuid
    pause
    int 0x40
    rdtsc
    mov dx, 0x80
    out dx, al
    mov dword ptr [rbp + 0x1000], 1
    lock inc dword ptr [rbp]
    hlt
handler64: nop
    iretq
"""


def run(machine: Machine, until_ps: int = ENDLESS, tick: int = ENDLESS, beat: int = 0) -> Pause:
    """Run CPU 0 in a slice of its own."""
    machine.switch_to(machine.board.cpus[0])
    return machine.run(machine.board.cpus[0], until_ps, tick, beat)


@pytest.mark.parametrize("ticks", [1, 2, 7, 5_000])
def test_a_tick_is_met_exactly_and_a_clock_to_the_instruction(ticks: int) -> None:
    machine = Guest(COUNT).machine()
    assert run(machine, tick=ticks) is Pause.BUDGET
    assert machine.board.tick == machine.board.cpus[0].ticks == ticks
    cpu = machine.board.cpus[0]
    until = cpu.clock_ps + 10 * cpu.ps_per_instruction - 1
    assert run(machine, until) is Pause.SLICE
    assert cpu.clock_ps == until + 1


def test_a_cpu_that_halts_ends_its_slice_and_one_that_crashes_the_machine() -> None:
    machine = Guest("start: hlt").machine()
    assert run(machine) is Pause.SLICE and machine.board.cpus[0].activity == "halted"
    machine = Guest("start: mov eax, [0x100]\n hlt").machine()
    assert run(machine) is Pause.OUTCOME and machine.board.crash
    assert run(machine) is Pause.OUTCOME


def test_a_breakpoint_pauses_before_its_instruction_and_once() -> None:
    machine = Guest(COUNT).machine()
    board = machine.board
    board.addresses.stop(label(board, "start") + 5, frozenset((0,)))
    assert (run(machine), board.tick) == (Pause.BREAKPOINT, 1)
    assert (run(machine), board.tick) == (Pause.BREAKPOINT, 3)
    assert run(machine, tick=4) is Pause.BUDGET


@pytest.mark.parametrize("source", [COUNT, EXITS])
def test_steps_by_hand_come_to_where_a_run_comes(source: str) -> None:
    driver, single = Guest(source).driver(), Guest(source).machine()
    found, wanted = Digest(single), Digest(driver.machine)
    cpu = single.board.cpus[0]
    while cpu.activity == "running" and single.board.tick < 3_000:
        tick, told = single.board.tick, len(single.board.logs.events)
        assert by_hand.steps(single, cpu, 1) == 1
        assert single.board.tick == tick + 1 or len(single.board.logs.events) == told + 1
    board = finish(driver, Moment(single.board.tick))
    assert (found.now(), single.board.tick) == (wanted.now(), board.tick)
    assert cpu.clock_ps == board.cpus[0].clock_ps


@pytest.mark.parametrize("every", [1, 3, 64])
def test_an_interrupt_is_taken_at_once_wherever_somebody_stops(every: int) -> None:
    machine = Guest(COUNT).machine()
    board, cpu = machine.board, machine.board.cpus[0]
    run(machine, tick=1_111)
    ipi.nmi(machine, cpu, cpu)
    while not word(board, SHARED) and board.tick < 2_000:
        run(machine, tick=board.tick + every)
    taken = 100_000 - (word(board, SHARED) & 0xFFFF_FFFF)
    assert taken == 1_111 // 2


def test_what_is_due_at_a_tick_happens_there_in_the_middle_of_a_slice() -> None:
    driver = Guest(COUNT).driver()
    driver.enter("inject nmi 0 at tick 500")
    driver.drive(Moment(600))
    (fired,) = driver.machine.injected.fired
    assert (fired.tick, fired.problem) == (500, "")


def test_who_makes_another_runnable_ends_its_slice() -> None:
    machine = Guest(COUNT, 2).machine()
    board = machine.board
    machine.switch_to(board.cpus[0])
    board.reschedule = True
    assert machine.run(board.cpus[0], ENDLESS, ENDLESS) is Pause.SLICE
    assert board.tick == 0 and board.cpus[0].activity == "running"


END: Final = 40_000
"""Ticks, of a guest that does not end before."""


def cut(driver: Driver, draw: random.Random) -> None:
    """Run to the end in pieces, to ticks and to beats."""
    board, pause = driver.machine.board, Pause.BUDGET
    while pause is Pause.BUDGET and board.tick < END:
        goal = board.tick + draw.choice((1, 2, 7, 50, 900))
        pause = driver.drive(Moment(goal, board.beat + draw.randrange(2)))


SEEDS: Final = shard.seeds(6)


@pytest.mark.parametrize("seed", SEEDS, ids=[f"{n}" for n in range(len(SEEDS))])
def test_a_guest_that_is_run_in_pieces_comes_to_the_same(seed: int) -> None:
    guest = small(seed)
    (code,) = assembled(guest.source)
    ends, goal = [], Moment(END)
    for pieces in (True, False):
        driver = guest.guest(code).driver()
        digest = Digest(driver.machine)
        for order in guest.orders:
            driver.enter(order)
        if pieces:
            cut(driver, random.Random(seed))
        board = finish(driver, goal)
        goal = driver.now  # a piece that ends at a beat may end behind END
        clocks, events = [cpu.clock_ps for cpu in board.cpus], list(map(str, board.logs.events))
        ends.append((digest.now(), driver.now, clocks, events))
    assert ends[0] == ends[1]
