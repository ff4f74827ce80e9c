"""Waiting is exact: whoever sleeps comes to what it would have come to awake, by its clock."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.address import Gpa
from emu.machine import ipi
from emu.machine.board import Board
from emu.machine.pause import Pause
from emu.machine.waits import Waits
from emu.timeline.driver import Driver
from emu.timeline.moment import Moment
from tests.guest import SHARED, Guest, Program, finish, label, program, word

DEADLINE = """
start: mov ebx, {SHARED}
    rdtsc
    mov ecx, eax
    add ecx, [rbx]
head: pause
    rdtsc
    cmp eax, ecx
    jb head
    mov [rbx + 8], eax
    hlt
"""
FLAG = """
cpu0: mov ebx, {SHARED}
    mov ecx, [rbx + 0x800]
1:  dec ecx
    jnz 1b
    mov dword ptr [rbx + 0x40], 1
    mov dword ptr [rbx], 1
    hlt
start: mov ebx, {SHARED}
head: pause
    cmp dword ptr [rbx], 0
    je head
    rdtsc
    mov [rbx + rdi * 8 + 0x100], rax
    hlt
"""
"""CPU 0 sets a flag after so many turns; the others note when they see it."""


def guest(code: Program, value: int, place: int, cpus: int = 1, waiting: bool = True) -> Driver:
    """A guest with a number in memory, its clocks fine-grained."""
    driver = Guest(code, cpus, waiting=waiting).driver()
    driver.machine.stores.edit(place, value.to_bytes(4, "little"))
    driver.enter("schedule timed quantum 1")
    return driver


def activities(board: Board, cpu: int) -> list[tuple[str, int]]:
    """What a CPU did from when on, by its clock."""
    return [(turn.activity, turn.clock_ps) for turn in board.logs.turns if turn.cpu == cpu]


@settings(max_examples=25)
@given(st.integers(1, 120_000))
def test_a_loop_that_ends_by_the_clock_ends_in_the_same_lap(cycles: int) -> None:
    ends = []
    for waiting in (True, False):
        board = finish(guest(program(DEADLINE), cycles, SHARED, waiting=waiting))
        (cpu,) = board.cpus
        ends.append((cpu.clock_ps, word(board, SHARED + 8), cpu.registers.architectural()))
    assert ends[0] == ends[1]


def test_a_deadline_far_away_costs_few_instructions() -> None:
    board = finish(guest(program(DEADLINE), 2_000_000_000, SHARED))
    assert board.cpus[0].clock_ps > 10**12 and board.tick < 1_000


@settings(max_examples=5)
@given(st.integers(300, 800))
def test_a_sleeper_wakes_at_the_lap_in_which_it_would_have_been(turns: int) -> None:
    driver = guest(program(FLAG), turns, SHARED + 0x800, 2)
    board = finish(driver)
    (slept, begun), (woke, at) = activities(board, 1)[-3:-1]
    assert (slept, woke) == ("waiting", "running")
    (loop,) = driver.machine.waits.loops
    stored = activities(board, 0)[-1][1] - board.cpus[0].ps_per_instruction
    assert (at - begun) % loop.lap_ps == 0 and stored <= at < stored + loop.lap_ps
    awake = finish(guest(program(FLAG), turns, SHARED + 0x800, 2, waiting=False))
    # Awake it may look behind the store in a lap that has begun before it.
    early = word(board, SHARED + 0x108) - word(awake, SHARED + 0x108)
    assert 0 <= early <= loop.lap_ps * board.platform.tsc_hz // 10**12 + 1
    assert awake.tick > board.tick


def sleeping(cpus: int = 3) -> Driver:
    """All but CPU 0 wait for its flag, and it is about to set it."""
    driver = guest(program(FLAG), 20_000, SHARED + 0x800, cpus)
    driver.drive(Moment(30_000))
    assert {cpu.activity for cpu in driver.machine.board.cpus[1:]} == {"waiting"}
    return driver


def test_bytes_beside_those_that_are_looked_at_wake_nobody() -> None:
    driver = sleeping()
    board, waits = driver.machine.board, driver.machine.waits
    assert isinstance(waits, Waits)
    before = dict(waits.waiting)
    driver.machine.stores.edit(SHARED + 4, b"\x01")
    driver.machine.stores.edit(SHARED, b"\x00")
    assert dict(waits.waiting) == before
    finish(driver)
    assert [what for what, _ in activities(board, 1)][1:] == ["waiting", "running", "halted"]


def test_who_finds_the_bytes_as_they_were_is_not_woken() -> None:
    driver = sleeping()
    machine, waits = driver.machine, driver.machine.waits
    machine.stores.edit(SHARED, b"\x01")
    assert all(waits.runs(cpu) for cpu in machine.board.cpus[1:])
    due = waits.waiting[1].due_ps
    assert due is not None and waits.waiting[1].last_ps == due
    machine.stores.edit(SHARED, b"\x00")
    assert not any(waits.runs(cpu) for cpu in machine.board.cpus[1:])
    assert [what for what, _ in activities(machine.board, 1)][-1] == "waiting"
    machine.stores.edit(SHARED, b"\x01")
    finish(driver)
    assert [cpu.activity for cpu in machine.board.cpus] == ["halted"] * 3


def test_cpus_in_the_same_loop_share_it_and_its_page_is_watched_while_one_waits() -> None:
    driver = sleeping(8)
    machine = driver.machine
    loops = {id(wait.loop) for wait in machine.waits.waiting.values()}
    assert len(loops) == 1 and len(machine.waits.waiting) == 7
    assert machine.waits.loops == (machine.waits.waiting[1].loop,)
    assert machine.tracked.why(Gpa(SHARED)) == {"wait"}
    for index in range(1, 8):
        assert machine.tracked.why(Gpa(SHARED)) == {"wait"}
        machine.waits.wake(machine.board.cpus[index], machine.board.now_ps(), "stepped")
    assert not machine.tracked.why(Gpa(SHARED)) and not machine.waits.waiting


def test_a_cpu_that_sleeps_goes_on_where_its_clock_has_come_to() -> None:
    driver = sleeping(2)
    machine, cpu = driver.machine, driver.machine.board.cpus[1]
    wait = machine.waits.waiting[1]
    now = machine.waits.clock_of(cpu)
    assert now >= machine.board.now_ps() > now - wait.loop.lap_ps
    assert (now - wait.since_ps) % wait.loop.lap_ps == 0
    machine.waits.disturb()
    assert (cpu.activity, cpu.clock_ps) == ("running", now)
    assert cpu.registers.rip == wait.loop.head and not machine.waits.waiting


def test_an_interrupt_wakes_it() -> None:
    code = program(FLAG + "handler2: mov dword ptr [{SHARED} + 0x200], 2\n iretq")
    driver = guest(code, 20_000, SHARED + 0x800, 2)
    driver.drive(Moment(30_000))
    board = driver.machine.board
    ipi.nmi(driver.machine, board.cpus[0], board.cpus[1])
    assert board.cpus[1].activity == "running"
    driver.drive(Moment(32_000))
    assert word(board, SHARED + 0x200) == 2 and word(board, SHARED) == 0


def test_a_cpu_that_is_stepped_executes_every_lap() -> None:
    driver = sleeping(2)
    cpu = driver.machine.board.cpus[1]
    for name in ("head", "head"):
        ticks = cpu.ticks
        for _ in range(3):
            driver.machine.steps(cpu)
        assert (cpu.ticks, cpu.activity) == (ticks + 3, "running")
        assert cpu.registers.rip == label(driver.machine.board, name)


@pytest.mark.parametrize("waiting", [True, False])
def test_who_waits_for_what_never_comes_hangs_only_if_it_sleeps(waiting: bool) -> None:
    driver = Guest("start: pause\n jmp start", 2, waiting=waiting).driver()
    pause = driver.drive(Moment(50_000))
    assert pause is (Pause.HUNG if waiting else Pause.BUDGET)
    assert driver.machine.board.tick < 1_000 or not waiting


def test_what_is_saved_is_put_back_and_shares_nothing_that_changes() -> None:
    driver = sleeping(3)
    waits = driver.machine.waits
    saved = waits.save()
    before = dict(waits.waiting)
    driver.machine.stores.edit(SHARED, b"\x01")
    waits.wake(driver.machine.board.cpus[1], 0, "stepped")
    assert dict(waits.waiting) != before
    waits.load(saved)
    assert dict(waits.waiting) == before and waits.save() == saved


def test_a_loop_in_which_real_work_is_done_is_not_slept_in() -> None:
    code = """
    start: mov ebx, {SHARED}
    head: inc dword ptr [rbx]
        pause
        cmp dword ptr [rbx], 900
        jne head
        hlt
    """
    driver = Guest(code).driver()
    board = finish(driver)
    assert word(board, SHARED, 4) == 900
    assert "waiting" not in [what for what, _ in activities(board, 0)]
    assert driver.machine.waits.loops == ()
