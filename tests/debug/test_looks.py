"""Commands that only look are carried out while the machine runs, and it never knows."""

import random
from typing import Final

import pytest

from emu import Session, open_session
from emu.debug.commands import COMMANDS
from emu.errors import CommandError

LOOKS: Final = {
    "cpu": ("cpu 1", "cpu 0"), "cpus": ("cpus", "cpus parked"),
    "breakpoints": ("breakpoints",), "why": ("why 0", "why 1"),
    "list": ("list", "list start_aps", "list asm"),
    "bt": ("bt", "bt 1"), "examine": ("examine rsp 4 gx", "examine rip 3 bi"),
    "symbols": ("symbols", "symbols mailbox*"),
    "mem": ("mem gpa:0x8000000", "mem rsp 64"), "find": ("find gpa:0x8000000 0x90",),
    "walk": ("walk rip", "walk rsp write"),
    "tables": ("tables", "tables tree"), "npt": ("npt", "npt 0x8804000"),
    "dtb": ("dtb", "dtb host"), "events": ("events", "events mailbox"),
    "exits": ("exits", "exits cpu 0"), "registers": ("registers",),
    "mailbox": ("mailbox",), "waits": ("waits",), "findings": ("findings",),
    "branches": ("branches",), "print": ("print rip", "print [rsp]"), "rules": ("rules",),
    "regions": ("regions",), "log": ("log",), "sources": ("sources",), "up": ("up",),
    "down": ("down",), "frame": ("frame 0",),
    "help": ("help", "help inject", "help nmi"), "notices": ("notices",),
}  # fmt: skip
"""What people look at, with examples: a panel shows it, or a value is told. Nothing else may be
carried out in the middle of a run: it moves the machine, changes what stops it, enters things
on its branch, goes to another moment for its answer, or gives that moment a name."""


def opened() -> Session:
    """A boot with breakpoints, watchpoints and injections under way."""
    session = open_session(
        platform="vbs", cpus=3, inject=("stall 1 3us at mailbox_wait cpu 1",)
    )
    session.do("watch mailbox.vector read")
    session.do("break mailbox_ack after 3")
    return session


def course(session: Session) -> tuple[object, ...]:
    """All that could tell of a look."""
    logs, timeline = session.machine.board.logs, session.timeline
    return (
        session.digest(), timeline.now, len(logs.events.known), len(logs.exits),
        [branch.name for branch in timeline.branches.values()], timeline.branch.entries,
        [point.moment for point in timeline.branch.points], session.stop,
    )  # fmt: skip


def test_every_look_has_an_example_here_and_nothing_else_is_one() -> None:
    assert {one.word for one in COMMANDS if one.looks} == set(LOOKS)
    assert not [one.word for one in COMMANDS if one.looks and one.moves]


@pytest.mark.parametrize("word", LOOKS)
def test_a_look_in_the_middle_of_a_run_changes_nothing_of_its_course(word: str) -> None:
    plain, looked = opened(), opened()
    for _ in range(3):
        for session in (plain, looked):
            if session.verdict is None:
                session.begin("run")
        answered = 0
        while plain.pump(0.0):
            assert looked.pump(0.0)
            for text in LOOKS[word]:
                try:
                    looked.begin(text)
                except CommandError:
                    continue  # a place that is not mapped yet
                answered += bool(looked.view().reply) or word in ("cpu", "list")
                assert looked.running
        assert not looked.pump(0.0)
        assert course(looked) == course(plain)
        assert answered or plain.verdict is not None
    assert plain.verdict is not None or plain.stop


@pytest.mark.parametrize("seed", range(4))
def test_looks_in_any_order_at_any_time_change_nothing(seed: int) -> None:
    dice = random.Random(seed)
    plain, looked = opened(), opened()
    plain.do("run")
    looked.begin("run")
    every = [text for some in LOOKS.values() for text in some]
    while looked.pump(0.0):
        for text in dice.choices(every, k=dice.randrange(4)):
            try:
                looked.begin(text)
            except CommandError:
                continue
            looked.picture()
    assert course(looked) == course(plain)


def test_everything_else_is_refused_in_the_middle_of_a_run_and_changes_nothing() -> None:
    plain, asked = opened(), opened()
    plain.do("run")
    asked.begin("run")
    others = [one for one in COMMANDS if not one.looks]
    assert {"run", "step", "goto", "reset", "break", "inject", "set", "mark"} <= {
        one.word for one in others
    }
    while asked.pump(0.0):
        for one in others:
            words = " ".join([one.word, *("1" for slot in one.slots if slot.needed)])
            if one.word in ("set",):
                words = "set rax=1"
            with pytest.raises(CommandError):
                asked.begin(words)
    assert course(asked) == course(plain)


def test_an_answer_of_a_look_is_in_the_picture_until_the_next() -> None:
    session = opened()
    session.begin("run")
    assert session.pump(0.0)
    session.begin("print 1 + 1")
    assert session.view().reply == ("1 + 1 = 0x2 2",) and session.view().running
    session.begin("cpus")
    assert len(session.view().reply) > 1
    while session.pump(0.0):
        pass
    assert len(session.view().reply) > 1


def test_nobody_goes_back_for_a_writer_while_the_machine_runs() -> None:
    """A place that a CPU has waited for since before its page was watched: to know who wrote
    it last, the past has to be run again."""
    plain, asked = (open_session(platform="vbs", cpus=2) for _ in range(2))
    asked.begin("run")
    told = set()
    while asked.pump(0.0):
        asked.begin("waits")
        told |= set(asked.view().reply)
    plain.do("run")
    assert course(asked) == course(plain)
    before = [row for row in told if "before" in row]
    assert before, told
