"""The judge over branches: what a fork shares with its parent is judged once."""

from collections.abc import Iterator
from typing import get_args

import pytest
from msgspec.structs import replace

from emu import Session, open_session
from emu.judge import judge as judging
from emu.judge.judge import BENCHES_MAX, Judge
from emu.mailbox.course import Course
from emu.mailbox.observation import Observation
from emu.mailbox.rule import Broken
from emu.mailbox.rules import ON, RULES


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Observation]:
    """Every observation that the rules are asked about, in the order of asking."""
    seen: list[Observation] = []

    def look(one: Observation, _: Course) -> Iterator[Broken]:
        seen.append(one)
        return iter(())

    kinds = get_args(Observation)
    nosy = replace(RULES[0], sees=kinds, look=look)
    monkeypatch.setattr(judging, "ON", {kind: (nosy, *ON.get(kind, ())) for kind in kinds})
    return seen


def booted() -> Session:
    session = open_session(platform="vbs", cpus=3)
    session.do("inject dirty-reserved 0xff00")
    session.do("run")
    return session


def judged_alone(session: Session) -> object:
    """The findings by a judge that remembers nothing."""
    return Judge(session.machine).findings(session.verdict)


def test_a_fork_is_judged_from_the_fork_on(looked: list[Observation]) -> None:
    session = booted()
    session.findings()
    session.do("goto 60%")
    shared = len(session.machine.board.logs.observed)
    assert shared > 5
    session.do("hold 2")
    session.do("run")
    looked.clear()
    found = session.findings()
    before = list(session.machine.board.logs.observed)[:shared]
    assert looked and not [one for one in looked if one in before]
    assert found == judged_alone(session)


def test_findings_of_every_branch_are_its_own() -> None:
    session = booted()
    told = {"main": session.findings()}
    for share, order in ((80, "hold 1"), (40, "set mailbox.reserved=1"), (60, "hold 2")):
        session.do("branch main")
        session.do(f"goto {share}%")
        session.do(order)
        session.do("run")
        told[session.timeline.branch.name] = session.findings()
        assert session.findings() == judged_alone(session)
    for name, found in told.items():
        session.do(f"branch {name}")
        assert session.findings() == found == judged_alone(session), name


def test_what_the_judge_keeps_does_not_grow_with_the_branches() -> None:
    session = booted()
    for _ in range(3 * BENCHES_MAX):
        session.do("branch main")
        session.do("goto 50%")
        session.do("inject nmi 1 at tick 1000000000")
        session.findings()
    assert len(session.timeline.branches) > 3 * BENCHES_MAX
    assert session.desk.judge.kept <= BENCHES_MAX
