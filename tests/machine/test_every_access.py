"""Every load and store of the guest's instructions, in order, and nothing of anybody else."""

from emu.hw.address import Hpa
from emu.machine.board import Board
from emu.machine.every_access import EveryAccess
from emu.timeline.digest import Digest
from tests.guest import SHARED, Guest, finish, label

SOURCE = """
cpu0: mov ebx, {SHARED}
one: mov dword ptr [rbx], 7
two: add word ptr [rbx + 4], 1
three: push rbx
    hlt
cpu1: mov ebx, {SHARED}
four: mov al, [rbx + 9]
    hlt
"""


def hpa(board: Board, gpa: int) -> Hpa:
    """Where a byte lies in the host."""
    found = board.ram.hpa(gpa)
    assert found is not None
    return found


def test_each_access_has_its_cpu_its_instruction_and_its_place() -> None:
    driver = Guest(SOURCE, 2).driver()
    board, probe = driver.machine.board, EveryAccess()
    board.look_at(probe)
    finish(driver)
    seen = [(one.cpu, one.address, one.hpa, one.size, one.stores) for one in probe]
    here = hpa(board, SHARED)
    stack = next(one.hpa for one in probe if one.address == label(board, "three"))
    assert seen == [
        (0, label(board, "one"), here, 4, True),
        (0, label(board, "two"), here + 4, 2, False),
        (0, label(board, "two"), here + 4, 2, True),
        (0, label(board, "three"), stack, 8, True),
        (1, label(board, "four"), here + 9, 1, False),
    ]
    assert len(probe) == 5 and not probe.full
    ticks = [one.tick for one in probe]
    assert ticks == sorted(ticks) and ticks[0] == 2  # the tick that the instruction ends


def test_looking_changes_nothing_and_ends() -> None:
    ends = []
    for looking in (True, False):
        driver = Guest(SOURCE, 2).driver()
        probe, digest = EveryAccess(), Digest(driver.machine)
        if looking:
            driver.machine.board.look_at(probe)
            driver.machine.board.look_at()
        board = finish(driver)
        assert len(probe) == 0
        ends.append((digest.now(), board.tick, board.beat))
    assert ends[0] == ends[1]


def test_what_is_tried_is_not_told() -> None:
    driver = Guest(SOURCE, 2).driver()
    machine, probe = driver.machine, EveryAccess()
    machine.board.look_at(probe)
    cpu = machine.board.cpus[0]
    with machine.trials.begin(cpu, 0, ((hpa(machine.board, SHARED), 8),)):
        assert all(machine.trials.step(cpu) for _ in range(3))
    assert len(probe) == 0
