"""Any moment can be gone to, and what is there is what running there shows."""

import random
from collections.abc import Iterable
from typing import Final

import pytest

from emu.errors import CommandError
from emu.machine.pause import Pause
from emu.timeline.branch import Mark
from emu.timeline.digest import Digest
from emu.timeline.moment import START, Moment
from emu.timeline.timeline import FIRST_BRANCH, Timeline
from tests import shard
from tests.guest import FOREVER, SHARED, Guest, assembled, program, word
from tests.small import Small, small

CODE = program("""
start: mov ebx, {SHARED}
    mov ecx, 300
1:  lock inc dword ptr [rbx]
    mov [rbx + rcx * 8 + 0x1000], edi
    mov eax, 1
    test ecx, 7
    jnz 2f
    pause
    mov r9, rbx
    mov r10, rcx
    cpuid
    mov rbx, r9
    mov rcx, r10
2:  dec ecx
    jnz 1b
    hlt
handler2: lock inc dword ptr [rbx + 8]
    iretq
""")
END: Final = 40_000


class Seen:
    """A timeline, and what every place of it looks like."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.digest = Digest(timeline.machine)

    def here(self) -> tuple[object, ...]:
        """All of the state, and all that was told so far."""
        board = self.timeline.machine.board
        clocks = [(cpu.clock_ps, cpu.ticks, cpu.activity) for cpu in board.cpus]
        logs = board.logs
        told = list(map(str, logs.events)), list(map(str, logs.exits)), logs.counts()
        return self.timeline.now, self.digest.now(), clocks, told

    def along(self, ticks: Iterable[int]) -> dict[Moment, tuple[object, ...]]:
        """Run over these ticks, at each to the next beat: what is there, state by state."""
        driver, found = self.timeline.driver, {}
        for tick in ticks:
            driver.drive(Moment(tick))
            found[driver.now] = self.here()
            driver.drive(driver.now._replace(beat=driver.now.beat + 1))
            found[driver.now] = self.here()
        return found


def guest(cpus: int = 3, spacing: int = 6) -> Seen:
    """A guest with many checkpoints."""
    timeline = Guest(CODE, cpus).timeline()
    timeline.spacing = spacing
    return Seen(timeline)


@pytest.mark.parametrize("seed", range(2))
def test_going_anywhere_is_running_there(seed: int) -> None:
    one, draw = guest(), random.Random(seed)
    wanted = one.along(range(0, 6_000, 190))
    one.timeline.driver.drive(FOREVER)
    wanted[one.timeline.now] = one.here()
    assert len(one.timeline.branch.points) > 10 and len(wanted) > 40
    for moment in draw.sample(list(wanted), 40):
        one.timeline.goto(moment)
        assert one.here() == wanted[moment]
    one.timeline.goto(FOREVER)
    assert one.here()[0] == max(wanted)


def first_states(one: Seen, moments: list[Moment]) -> list[tuple[object, ...]]:
    """What is found at moments that are gone to."""
    found = []
    for moment in moments:
        one.timeline.goto(moment)
        found.append(one.here())
    return found


def test_checkpoints_change_nothing_wherever_they_are() -> None:
    moments = [Moment(tick) for tick in range(0, 6_000, 370)]
    ends = []
    for spacing in (0, 6, 50, 10**9):
        one = guest(spacing=spacing)
        one.timeline.driver.drive(FOREVER)
        end = one.here()
        ends.append((end, first_states(one, moments[::-1]), first_states(one, moments)))
        assert ends[-1][1] == ends[-1][2][::-1]
    assert all(end == ends[0] for end in ends)


@pytest.mark.parametrize("budget", [0, 200_000])
def test_thinning_out_and_packing_keep_every_digest(budget: int) -> None:
    plain, thin = guest(), guest()
    thin.timeline.budget = budget
    moments = [Moment(tick) for tick in range(0, 6_000, 170)]
    for one in (plain, thin):
        one.timeline.driver.drive(FOREVER)
    assert len(thin.timeline.branch.points) < len(plain.timeline.branch.points)
    random.Random(budget).shuffle(moments)
    assert first_states(thin, moments) == first_states(plain, moments)
    points = thin.timeline._every_point()
    assert thin.timeline.bytes_used == sum(point.bytes_used for point in points)


SEEDS: Final = shard.seeds(4)


def ordered(one: Small) -> Seen:
    """A random guest with all that was ordered, its checkpoints close together."""
    (code,) = assembled(one.source)
    seen = Seen(one.guest(code).timeline())
    seen.timeline.spacing = 3
    for order in one.orders:
        seen.timeline.enter(order)
    return seen


@pytest.mark.parametrize("seed", SEEDS, ids=[f"{n}" for n in range(len(SEEDS))])
def test_of_any_small_guest_each_moment_is_found_again(seed: int) -> None:
    one, draw = ordered(small(seed)), random.Random(seed)
    one.timeline.driver.drive(Moment(END))
    last = one.timeline.now.tick
    ticks = sorted(draw.sample(range(last + 1), min(20, last)))
    along = ordered(small(seed)).along(ticks)
    moments = [moment for moment in along if moment <= one.timeline.end]
    draw.shuffle(moments)
    for moment in moments:
        one.timeline.goto(moment)
        assert one.here() == along[moment]


# -- branches ------------------------------------------------------------------------------


def test_something_entered_in_the_past_begins_a_branch_and_the_other_keeps_its_future() -> None:
    one = guest()
    line = one.timeline
    line.driver.drive(FOREVER)
    end = one.here()
    line.goto(Moment(1_000))
    line.enter(f"set gpa:{SHARED + 8:#x}/4=0x55")
    assert line.branch.name != FIRST_BRANCH and not line.in_past
    assert (line.branch.parent, line.branch.fork.tick) == (FIRST_BRANCH, 1_000)
    assert line.goto(FOREVER) is Pause.BUDGET and line.now.entries == 1
    line.driver.drive(FOREVER)
    other = one.here()
    assert word(line.machine.board, SHARED + 8, 4) == 0x55 and other != end
    for name, wanted in ((FIRST_BRANCH, end), (line.branch.name, other), (FIRST_BRANCH, end)):
        line.switch(name)
        assert one.here() == wanted and line.branch.name == name
    assert word(line.machine.board, SHARED + 8, 4) == 0


def test_a_branch_is_found_again_at_each_of_its_moments() -> None:
    one = guest()
    line = one.timeline
    line.driver.drive(Moment(2_500))
    found: dict[tuple[str, int], tuple[object, ...]] = {}
    for number, tick in enumerate((2_000, 900, 1_500)):
        line.goto(Moment(tick))
        line.enter(f"schedule random {number} quantum 90")
        for step in range(1, 5):
            line.driver.drive(Moment(tick + 300 * step))
            found[line.branch.name, tick + 300 * step] = one.here()
    places = list(found)
    random.Random(7).shuffle(places)
    for name, tick in places:
        line.switch(name)
        line.goto(Moment(tick))
        assert one.here() == found[name, tick]


def test_what_cannot_be_entered_in_the_past_begins_no_branch() -> None:
    one = guest()
    line = one.timeline
    line.driver.drive(Moment(2_000))
    line.goto(Moment(800))
    before = one.here()
    with pytest.raises(CommandError):
        line.enter("inject nothing-like-that")
    assert list(line.branches) == [FIRST_BRANCH] and line.in_past and one.here() == before
    line.enter("auto")
    assert list(line.branches) == [FIRST_BRANCH, "branch2"]


def test_running_in_the_past_follows_what_is_known_and_then_goes_on() -> None:
    one = guest()
    line = one.timeline
    line.driver.drive(Moment(700))
    line.enter("hand 1")
    line.driver.drive(Moment(720))
    end = line.end
    line.goto(Moment(300))
    assert line.in_past
    while line.in_past:
        line.stretch(FOREVER)
    assert line.now == end and line.driver.schedule.by_hand == 1
    line.stretch(Moment(800))  # nobody knows more: the CPUs run by themselves again
    assert line.driver.schedule.by_hand is None
    assert [entry.text for entry in line.branch.entries] == ["hand 1", "auto"]


def test_a_fork_has_no_future_and_marks_of_its_past_only() -> None:
    one = guest()
    line = one.timeline
    line.driver.drive(Moment(2_000))
    line.branch.marks |= {"early": Mark(Moment(100)), "late": Mark(Moment(1_900))}
    line.goto(Moment(1_000))
    branch = line.fork("mine")
    assert (
        branch.marks == {"early": Mark(Moment(100))} and branch.fork == branch.end == line.now
    )
    assert not line.in_past and len(branch.logs.events.known) == len(branch.logs.events)
    line.goto(START)
    assert line.in_past and line.goto(FOREVER) is Pause.BUDGET and line.now == branch.fork
    line.rename("mine", "yours")
    assert line.branches["yours"] is branch and branch.name == "yours"
    for wrong in ("main", "1st", ""):
        with pytest.raises(CommandError):
            line.rename("yours", wrong)
    with pytest.raises(CommandError):
        line.switch("mine")


def test_without_checkpoints_the_past_is_far_but_the_same() -> None:
    one, plain = guest(), guest()
    one.timeline.enabled = False
    for each in (one, plain):
        each.timeline.driver.drive(FOREVER)
        each.timeline.goto(Moment(1_234))
    assert len(one.timeline.branch.points) == 1 and one.here() == plain.here()
