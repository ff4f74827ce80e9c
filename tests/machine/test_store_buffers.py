"""A slow store buffer shows what x86 may show, and nothing that it may not (SDM 3, 9.2)."""

from typing import Final

import pytest

from emu.machine.board import Board
from emu.machine.pause import Pause
from emu.machine.store_buffers import StoreBuffers
from emu.timeline.driver import Driver
from tests.guest import SHARED, Guest, finish, word

DEKKER: Final = """
cpu0: mov ebx, {{SHARED}}
    mov dword ptr [rbx], 1
    {fence}
    mov eax, [rbx + 8]
    mov [rbx + 0x800], eax
9:  pause
    jmp 9b
cpu1: mov ebx, {{SHARED}}
    mov dword ptr [rbx + 8], 1
    {fence}
    mov eax, [rbx]
    mov [rbx + 0x808], eax
9:  pause
    jmp 9b
"""
"""Each stores its flag and reads the other's: both may read 0 only without a fence."""
MESSAGE: Final = """
cpu0: mov ebx, {SHARED}
    mov dword ptr [rbx], 5
    mov dword ptr [rbx + 8], 1
    mov eax, [rbx]
    mov [rbx + 0x810], eax
9:  pause
    jmp 9b
cpu1: mov ebx, {SHARED}
1:  cmp dword ptr [rbx + 8], 0
    je 1b
    mov eax, [rbx]
    mov [rbx + 0x800], eax
    rdtsc
    mov [rbx + 0x808], eax
    hlt
"""
"""The flag must not be seen before what it tells of."""


def slow(source: str, *cpus: int, delay_ns: int = 50_000) -> Driver:
    """A guest in which CPUs have a slow store buffer, and somebody looks at the page."""
    driver = Guest(source, 2).driver()
    driver.enter("schedule timed quantum 1")
    machine = driver.machine
    assert isinstance(machine.store_buffers, StoreBuffers)
    machine.tracked.add(SHARED, "wait")
    for cpu in cpus:
        machine.store_buffers.delay(machine.board.cpus[cpu], 1_000 * delay_ns)
    return driver


def read(board: Board, *offsets: int) -> list[int]:
    """What CPUs have noted."""
    return [word(board, SHARED + offset, 4) for offset in offsets]


@pytest.mark.parametrize(
    ("fence", "both"),
    [("", True), ("mfence", False), ("lock inc dword ptr [rsp]", False),
     ("xchg [rsp], ecx", False), ("lfence", True)],
)  # fmt: skip
def test_both_read_the_old_only_where_no_fence_is_between(fence: str, both: bool) -> None:
    board = finish(slow(DEKKER.format(fence=fence), 0, 1))
    assert (read(board, 0x800, 0x808) == [0, 0]) == both
    assert read(board, 0, 8) == [1, 1]


def test_without_a_slow_buffer_stores_are_seen_at_once() -> None:
    board = finish(slow(DEKKER.format(fence="")))
    assert read(board, 0x800, 0x808) != [0, 0]


def test_stores_leave_in_their_order_and_late_and_their_cpu_sees_them_at_once() -> None:
    for delay_ns in (3_000, 200_000):
        driver = slow(MESSAGE, 0, delay_ns=delay_ns)
        board = finish(driver)
        assert read(board, 0x800, 0x810) == [5, 5]
        cycles = delay_ns * board.platform.tsc_hz // 10**9
        assert cycles <= read(board, 0x808)[0] < cycles + 200
        assert not driver.machine.private.hidden
        assert driver.machine.store_buffers.due_ps(board) is None


def test_what_is_on_its_way_comes_out_though_no_cpu_runs() -> None:
    source = "cpu0: mov dword ptr [{SHARED}], 1\n hlt\ncpu1: hlt"
    driver = slow(source, 0, delay_ns=900_000)
    assert driver.drive(driver.now._replace(tick=10**7)) is Pause.HUNG
    assert word(driver.machine.board, SHARED) == 1


def test_what_is_on_its_way_is_put_back() -> None:
    driver = slow(MESSAGE, 0)
    buffers, board = driver.machine.store_buffers, driver.machine.board
    machine = driver.machine
    while len(machine.private.hidden) < 2:
        machine.steps(board.cpus[0])
    saved = buffers.save()
    due = buffers.due_ps(board)
    assert due is not None and len(saved.due) == 2
    buffers.ring(board)
    assert buffers.due_ps(board) != due and board.reschedule
    buffers.load(saved)
    assert buffers.save() == saved and buffers.due_ps(board) == due


def test_each_store_leaves_at_its_own_time_and_a_locked_one_at_once() -> None:
    driver = slow(MESSAGE, 0)
    machine, cpu = driver.machine, driver.machine.board.cpus[0]
    while len(machine.private.hidden) < 2:
        machine.steps(cpu)
    machine.private.look(None)
    machine.store_buffers.ring(machine.board)
    assert read(machine.board, 0, 8) == [5, 0] and len(machine.private.hidden) == 1
    locked = slow("cpu0: lock inc dword ptr [{SHARED}]\n hlt\ncpu1: hlt", 0)
    locked.machine.steps(locked.machine.board.cpus[0])
    assert not locked.machine.private.hidden and read(locked.machine.board, 0) == [1]
