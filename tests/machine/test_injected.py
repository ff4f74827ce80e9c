"""What waits for its moment happens then: the n-th time, by the CPU it is for, in order."""

import pickle
from typing import Final

import pytest

from emu.errors import CommandError
from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.machine.arrivals import Passed
from emu.machine.board import Board
from emu.machine.build import board_of
from emu.machine.injected import (
    NEVER,
    Armed,
    Deed,
    Fired,
    Injected,
    Trigger,
    Twist,
)
from emu.machine.tracked import PageStore
from emu.mailbox.layout import COMMAND, VECTOR
from emu.vmm.asked import Asked, Cpuid, Hlt
from emu.vmm.effects import Cost, Effects
from emu.vmm.wanted import Wanted
from tests.guest import Guest

Done = list[tuple[str, int | None]]


class Break(Deed, frozen=True):
    """Something to be done."""

    name: str
    fails: bool = False


class Slower(Twist, frozen=True):
    """The next `left` decisions on CPUID cost more."""

    left: int

    def decided(
        self, injected: Injected, cpu: Cpu, asked: Asked, effects: Effects
    ) -> tuple[Effects, Twist | None]:
        """One more effect."""
        if not isinstance(asked, Cpuid):
            return effects, self
        return (*effects, Cost(5)), Slower(self.left - 1) if self.left > 1 else None


def alone() -> tuple[Injected, Done, Board]:
    """The part on a board, and what it has carried out."""
    setup = Guest("hlt", 3, mailbox=True).setup()
    board, done = board_of(setup.platform, setup.layout(), 0), Done()

    def carry_out(deed: Deed, cpu: Cpu | None) -> None:
        assert isinstance(deed, Break)
        if deed.fails:
            raise CommandError("it cannot be")
        done.append((deed.name, None if cpu is None else cpu.id))

    return Injected(board, carry_out), done, board


def store(board: Board, cpu: int, value: int) -> PageStore:
    """A store of the mailbox's command."""
    fields = ((COMMAND, 0, value),)
    return PageStore(board.cpus[cpu], Gpa(0), Hpa(0), b"", 0, b"", fields)


def meet(one: Injected, board: Board, kind: str, cpu: int) -> None:
    """A CPU comes to a moment of each kind."""
    who = board.cpus[cpu]
    match kind:
        case "tick":
            board.tick = 70
            one.at_tick(who)
        case "code":
            who.ticks += 1
            one.passed(who, Passed(0x1000))
        case "mailbox":
            one.stored(store(board, cpu, 1))
        case "exit":
            one.at_exit(who, Cpuid(2, 0x15, 0))
        case "event":
            one.heard(who, "Reaches the END")


TRIGGERS: Final = {
    "tick": Trigger("tick", 70),
    "code": Trigger("code", addresses=frozenset((0x1000, 0x2000))),
    "mailbox": Trigger("mailbox", text="command", value=1),
    "exit": Trigger("exit", wanted=Wanted(("cpuid",), (0x15,))),
    "event": Trigger("event", text="the end"),
}


@pytest.mark.parametrize("kind", TRIGGERS)
@pytest.mark.parametrize("left", [1, 3])
def test_it_happens_the_nth_time_and_once(kind: str, left: int) -> None:
    one, done, board = alone()
    one.arm(Armed("spec", TRIGGERS[kind], Break("a"), left))
    for count in range(1, 6):
        beat, board.reschedule = board.beat, False
        meet(one, board, kind, 2)
        assert done == [("a", 2)] * (count >= left)
        assert board.beat - beat == board.reschedule == (count == left)
    assert one.armed == () and one.fired == (Fired("spec", board.tick),)
    assert one.next_tick == NEVER and not board.addresses.of("injection")


@pytest.mark.parametrize("kind", TRIGGERS)
def test_only_the_cpu_that_it_is_for_counts(kind: str) -> None:
    one, done, board = alone()
    trigger = TRIGGERS[kind]
    fields = {name: getattr(trigger, name) for name in trigger.__struct_fields__}
    one.arm(Armed("spec", Trigger(**(fields | {"cpu": 1})), Break("a")))
    for cpu in (0, 2, 1):
        assert not done
        meet(one, board, kind, cpu)
    assert done == [("a", 1)]


def test_what_is_alike_but_for_what_is_waited_for_is_not_met() -> None:
    one, done, board = alone()
    for trigger in TRIGGERS.values():
        one.arm(Armed("", trigger, Break("a")))
    who = board.cpus[0]
    board.tick = 69
    one.at_tick(who)
    one.passed(who, Passed(0x1001))
    one.stored(store(board, 0, 2))
    one.stored(PageStore(who, Gpa(0), Hpa(0), b"", 0, b"", ((VECTOR, 0, 1),)))
    one.at_exit(who, Cpuid(2, 0x16, 0))
    one.at_exit(who, Hlt(1))
    one.heard(None, "the en d")
    assert not done and len(one.armed) == len(TRIGGERS)


def test_what_meets_the_same_moment_happens_in_the_order_of_arming() -> None:
    one, done, board = alone()
    for name in "abc":
        one.arm(Armed(name, TRIGGERS["event"], Break(name, fails=name == "b")))
    meet(one, board, "event", 0)
    assert done == [("a", 0), ("c", 0)]
    assert [(fired.spec, fired.problem) for fired in one.fired] == [
        ("a", ""), ("b", "it cannot be"), ("c", "")
    ]  # fmt: skip
    assert [event.text for event in board.logs.events] == [
        "a",
        "b: cannot be: it cannot be",
        "c",
    ]


def test_a_stop_at_the_place_does_not_make_a_cpu_pass_twice() -> None:
    one, done, board = alone()
    one.arm(Armed("spec", TRIGGERS["code"], Break("a"), 2))
    who = board.cpus[0]
    one.passed(who, Passed(0x1000))
    one.passed(who, Passed(0x1000))
    assert not done
    who.ticks += 1
    one.passed(who, Passed(0x1000))
    assert done


def test_times_ring_in_their_order() -> None:
    one, done, board = alone()
    for name, at in (("b", 2_000), ("a", 1_000), ("c", 2_000)):
        one.later(name, at, Break(name))
    assert one.due_ps(board) == 1_000
    one.ring(board)
    assert (done, one.due_ps(board)) == ([("a", None)], 2_000)
    one.ring(board)
    assert done == [("a", None), ("b", None), ("c", None)] and one.due_ps(board) is None


def test_now_raises_where_it_cannot_be_and_nothing_is_told() -> None:
    one, done, board = alone()
    with pytest.raises(CommandError, match="cannot be"):
        one.now("spec", Break("a", fails=True))
    assert not one.fired and not len(board.logs.events)
    one.now("spec", Break("a"))
    assert one.fired == (Fired("spec", 0),) and done


def test_a_twist_changes_decisions_until_it_is_used_up() -> None:
    one, _, board = alone()
    one.twist(Slower(2))
    who = board.cpus[0]
    found = [one.twisted(who, asked, ()) for asked in (Hlt(1), *(Cpuid(2, 0, 0),) * 3)]
    assert found == [(), (Cost(5),), (Cost(5),), ()]
    assert one.twists == ()


def test_a_trial_uses_up_no_twist() -> None:
    one, _, board = alone()
    one.twist(Slower(1))
    board.on_trial = True
    assert one.twisted(board.cpus[0], Cpuid(2, 0, 0), ()) == (Cost(5),)
    assert one.twists and not one.twists[0].met


def test_what_has_changed_nothing_is_idle() -> None:
    one, _, board = alone()

    def carry_out(deed: Deed, cpu: Cpu | None) -> None:
        other.twist(Slower(9))

    other = Injected(board, carry_out)
    other.now("slower", Break(""))
    assert other.idle == ("slower",)
    other.twisted(board.cpus[0], Cpuid(2, 0, 0), ())
    assert other.idle == ()
    assert one.idle == ()


def test_all_of_it_is_pickled_and_put_back() -> None:
    one, done, board = alone()
    for kind, trigger in TRIGGERS.items():
        one.arm(Armed(kind, trigger, Break(kind), 2))
    one.later("time", 50, Break("time"))
    one.twist(Slower(2))
    meet(one, board, "code", 1)
    saved = one.save()
    meet(one, board, "code", 1)
    meet(one, board, "event", 1)
    one.ring(board)
    assert done == [("code", 1), ("time", None)]
    one.load(pickle.loads(pickle.dumps(saved)))
    assert one.save() == saved and one.next_tick == 70 and one.due_ps(board) == 50
    assert board.addresses.of("injection") == {0x1000, 0x2000}
