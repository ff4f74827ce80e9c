"""CPUs that wait in one loop are handled as one, and come out as if each had been alone."""

from msgspec.structs import replace

from emu.hw.address import Hpa
from emu.hw.cpu import Cpu
from emu.machine.lap import Loop
from emu.machine.wait import Wait
from emu.machine.wait_group import WaitGroups

CPUS = tuple(Cpu(index, index, Hpa(0), 500) for index in range(6))
SHORT = Loop(0x1000, 700, (0x1000,), (1,), (), (), (), frozenset(), False, True, (), ())
LONG = replace(SHORT, lap_ps=1_900, values=(b"\1",))


def waiting() -> WaitGroups:
    """All but the first, each since another moment; of CPU 3 it is known when it is due."""
    groups = WaitGroups(CPUS)
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


def test_a_group_is_put_back_with_all_that_is_known() -> None:
    groups, other = waiting(), WaitGroups(CPUS)
    other.load(groups.save())
    groups.leave(2)
    assert dict(other) == {**dict(groups), 2: Wait.begun(SHORT, 2_000)}


def test_the_last_one_to_leave_tells_so() -> None:
    groups = waiting()
    emptied = [groups.leave(index)[1] for index in range(1, 6)]
    assert emptied[:4] == [None] * 4 and emptied[4] is not None and not groups.all()
