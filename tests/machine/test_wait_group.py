"""CPUs that wait in one loop are handled as one, and come out as if each had been alone."""

import random

import pytest
from msgspec.structs import replace

from emu.hw.cpu import Cpu
from emu.machine.lap import Loop
from emu.machine.wait import Wait
from emu.machine.wait_group import WaitGroups
from tests.guest import Guest

CPUS = 8
BOARD = Guest("start: hlt", CPUS).machine().board


SHORT = Loop(0x1000, 700, (0x1000,), (1,), (), (), (), frozenset(), False, True, False, (), ())
LONG = replace(SHORT, lap_ps=1_900, values=(b"\1",))


def loop(head: int, **more: tuple[tuple[object, ...], ...]) -> Loop:
    """A loop of which little matters."""
    plain = Loop(head, 10, (head,), (1,), (), (), (), frozenset(), False, False, False, (), ())
    return replace(plain, **more)


LOOPS = [loop(1), loop(2), loop(3)]


def agrees(groups: WaitGroups, waits: dict[int, Wait]) -> None:
    """The groups say of everybody what is known, and each loop has one."""
    assert dict(groups) == waits and len(groups) == len(waits)
    loops = [group.loop for group in groups.all()]
    assert sorted(map(id, loops)) == sorted({id(wait.loop) for wait in waits.values()})
    for group in groups.all():
        mine = {index for index, wait in waits.items() if wait.loop is group.loop}
        assert group.since.keys() == mine
        assert group.known.keys() == {index for index in mine if waits[index].known_more}
        assert all(groups.of(index) is group for index in mine)


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_the_waits_of_all_whatever_happens(seed: int) -> None:
    draw, groups, waits = random.Random(seed), WaitGroups(BOARD.cpus), dict[int, Wait]()
    for moment in range(0, 3_000, 10):
        index = draw.randrange(CPUS)
        saved, before = groups.save(), dict(waits)
        if index not in waits:
            waits[index] = Wait.begun(draw.choice(LOOPS), moment)
            alone = all(w.loop is not waits[index].loop for w in before.values())
            assert (groups.enter(index, waits[index]) is not None) == alone
        elif draw.random() < 0.5:
            wait = waits.pop(index)
            left, empty = groups.leave(index)
            assert left == wait
            assert (empty is not None) == all(w.loop is not wait.loop for w in waits.values())
        else:
            waits[index] = replace(waits[index], due_ps=draw.choice((None, moment)))
            groups.of(index).know(index, waits[index])
        agrees(groups, waits)
        if draw.random() < 0.2:
            groups.load(saved)
            waits = before
            agrees(groups, waits)


def waiting() -> WaitGroups:
    """All but the first, each since another moment; of CPU 3 it is known when it is due."""
    groups = WaitGroups(BOARD.cpus)
    for index in range(1, 6):
        groups.enter(index, Wait.begun(SHORT, 1_000 * index))
    groups.of(3).know(3, replace(groups[3], due_ps=4_400))
    return groups


def test_who_moves_on_waits_from_the_lap_that_begins_next() -> None:
    groups = waiting()
    before = {index: groups[index] for index in groups}
    moving = groups.of(1)
    left = groups.split(moving, {3})
    assert groups.turn(moving, LONG, 3_300) is None
    assert left is not None and list(left.since) == [3] and groups[3] == before[3]
    for index in (1, 2, 4, 5):
        assert groups[index] == Wait.begun(LONG, before[index].lap_at(3_300))


def test_who_was_in_the_other_loop_already_keeps_its_wait() -> None:
    groups = waiting()
    early = Wait(LONG, 250, 9_999, due_ps=8_000)
    groups.enter(0, early)
    moving = groups.of(5)
    groups.split(moving, ())
    groups.turn(moving, LONG, 0)
    assert groups[0] == early and groups.of(0) is groups.of(5) and len(groups.all()) == 1


def test_a_group_answers_by_registers_as_each_of_its_cpus_would() -> None:
    draw, groups = random.Random(5), WaitGroups(BOARD.cpus)
    for cpu in BOARD.cpus:
        for name in ("rax", "rcx"):
            cpu.registers.put(name, draw.randrange(3))
        groups.enter(cpu.id, Wait.begun(LOOPS[0], 0))
    group = groups.of(0)
    for gone in (None, 3, 6):
        if gone is not None:
            groups.leave(gone)
        for _ in range(20):
            uses = tuple((name, draw.randrange(3)) for name in draw.sample(("rax", "rcx"), 1))
            unequal = (("rcx", draw.randrange(4), draw.randrange(3)),)
            other = loop(9, uses=uses, unequal=unequal)
            assert group.takers(other) == {
                index for index in group.since if other.takes(cpu_of(index))
            }
            assert group.takers(uses) == {
                index for index in group.since if loop(9, uses=uses).takes(cpu_of(index))
            }


def cpu_of(index: int) -> Cpu:
    return BOARD.cpus[index]
