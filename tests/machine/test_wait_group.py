"""Who waits in one loop is in one group, whoever comes and goes; it answers for all of them."""

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


def loop(head: int, **more: tuple[tuple[object, ...], ...]) -> Loop:
    """A loop of which little matters."""
    plain = Loop(head, 10, (head,), (1,), (), (), (), frozenset(), False, False, (), ())
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


@pytest.mark.parametrize("others", [0, 2])
def test_most_of_a_group_go_on_in_another_loop_and_join_who_is_there(others: int) -> None:
    groups, waits = WaitGroups(BOARD.cpus), dict[int, Wait]()
    for index in range(6 + others):
        waits[index] = Wait.begun(LOOPS[index >= 6], index)
        groups.enter(index, waits[index])
    group = groups.of(0)
    left = groups.split(group, {4, 5})
    assert left is not None and left.loop is LOOPS[0] and set(left.since) == {4, 5}
    there = groups.turn(group, LOOPS[1], 25)
    assert (there is not None) == bool(others)
    for index in range(4):  # each at the first lap of its own that begins at 25 or later
        waits[index] = Wait.begun(LOOPS[1], 30 + index if index < 5 else 25)
        assert waits[index].since_ps % 10 == index
    agrees(groups, waits)


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
