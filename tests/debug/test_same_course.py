"""A guest's course is the same whatever stands around it: checkpoints at every possible place,
looks at every stop, breakpoints everywhere, rules or none, a recording or none.

Every sample and every image of the gallery, at some moments of its course: the digest, and the
flags register of every CPU, are those of a run that nothing was asked of.
"""

from collections.abc import Callable
from io import BytesIO
from random import Random
from typing import Final

import pytest
from msgspec import Struct

from emu import Session, open_session
from emu.timeline.moment import Moment
from tests import ways
from tests.gallery import IMAGES, Bug
from tests.shard import DAY, breadth, of_the_day

PLATFORMS: Final = ("tdx", "vbs", "none", "sipi")
DAYS: Final = 4
SAMPLES: Final = tuple(f"sample {platform}" for platform in PLATFORMS)
CORE: Final = ("sample tdx", "page-reused")
"""Two of all for every change."""
TODAY: Final = (*CORE, *(x for x in of_the_day((*SAMPLES, *IMAGES), DAYS) if x not in CORE))
MOMENTS: Final = 6
WINDOW: Final = 40
"""Ticks before each moment that are gone one by one, with a checkpoint at each."""
STOPS_MAX: Final = 30
"""Breakpoints that stop a run before it goes on without them."""
PLACES_MAX: Final = 60
State = tuple[int, str, tuple[int, ...]]
"""Tick, digest, and RFLAGS of every CPU that has started."""


class Course(Struct, frozen=True):
    """What a plain run showed."""

    states: tuple[State, ...]
    end: ways.End


def begun(name: str) -> Session:
    """A guest behind the last command of its schedule, if it has one."""
    kind, _, platform = name.partition(" ")
    if kind == "sample":
        return open_session(platform=platform, cpus=3, max_ticks=10_000_000)
    return Bug.of(name).opened()


def prepared(name: str, session: Session) -> None:
    """The schedule under which an image shows its bug."""
    if not name.startswith("sample"):
        for words in Bug.of(name).schedule():
            session.do(words)
        session.do("breakpoints")


def state(session: Session) -> State:
    """Where it stands."""
    cpus = [cpu for cpu in session.machine.board.cpus if cpu.context is not None]
    flags = tuple(cpu.registers.get("rflags") for cpu in cpus)
    return session.machine.board.tick, session.digest(), flags


def straight(name: str) -> Course:
    """Without a checkpoint, from the first tick to the last, then the same once more to each of
    the moments."""
    whole = begun(name)
    whole.timeline.enabled = False
    prepared(name, whole)
    first = whole.timeline.now.tick
    ways.run(whole)
    end, last = ways.end_of(whole), whole.timeline.now.tick
    draw = Random(f"{DAY} {name}")
    ticks = sorted(draw.randrange(first, last + 1) for _ in range(MOMENTS))
    again = begun(name)
    again.timeline.enabled = False
    again.timeline.branch.entries.extend(whole.timeline.branch.entries)
    states = []
    for tick in ticks:
        again.timeline.retrace(Moment(tick))
        states.append(state(again))
    return Course(tuple(states), end)


def on_to(session: Session, tick: int) -> None:
    """Run on to a tick, past whatever stops on the way."""
    stops = 0
    while session.machine.board.tick < tick and session.verdict is None:
        ways.run(session, f"run {tick - session.machine.board.tick}")
        stops += 1
        if stops == STOPS_MAX:
            for point in session.view().breakpoints:
                session.do(f"delete {point.number}")


def checkpointed(session: Session, course: Course) -> list[State]:
    """A checkpoint at every border, and before each moment at every instruction."""
    session.timeline.spacing = 0
    found = []
    for tick, _, _ in course.states:
        on_to(session, tick - WINDOW)
        while session.machine.board.tick < tick:
            ways.run(session, "run 1")
        found.append(state(session))
    return found


def looked_at(session: Session, course: Course) -> list[State]:
    """Every word that only looks, at each of the moments and just before."""
    draw, found = Random(DAY), []
    for tick, _, _ in course.states:
        for before in (3, 1, 0):
            on_to(session, tick - before)
            ways.look(session, draw)
        found.append(state(session))
    return found


def stopped(session: Session, course: Course) -> list[State]:
    """Breakpoints on everything that has a name, half of them for ever untrue; watchpoints."""
    names = session.symbols()
    for number, name in enumerate(Random(DAY).sample(names, min(PLACES_MAX, len(names)))):
        rule = " if rax == 0x123456789abc" if number % 2 else ""
        session.do(f"break {name}{rule}")
    if session.machine.board.mailbox_gpa is not None:
        session.do("watch mailbox.vector")
    session.do("catch cr3")
    return _plainly(session, course)


def _plainly(session: Session, course: Course) -> list[State]:
    found = []
    for tick, _, _ in course.states:
        on_to(session, tick)
        found.append(state(session))
    return found


def recorded(session: Session, course: Course) -> list[State]:
    """With a recording all the while."""
    file = BytesIO()
    session.record(file)
    found = _plainly(session, course)
    assert file.getvalue()
    return found


def unruled(session: Session, course: Course) -> list[State]:
    """Without anybody who looks at the protocol."""
    session.machine.witness.on = False
    return _plainly(session, course)


def gone_back(session: Session, course: Course) -> list[State]:
    """The last moment first: each of the others lies in the past then."""
    session.timeline.spacing = 0
    on_to(session, course.states[-1][0])
    there = {}
    for tick, _, _ in sorted(course.states, key=lambda one: hash((one[0], DAY))):
        ways.run(session, f"goto {tick}")
        there[tick] = state(session)
    return [there[tick] for tick, _, _ in course.states]


WAYS: Final[tuple[Callable[[Session, Course], list[State]], ...]] = (
    checkpointed, looked_at, stopped, recorded, unruled, gone_back,
)  # fmt: skip


@pytest.mark.parametrize("name", breadth(TODAY, keep=len(CORE)))
def test_a_guest_has_one_course(name: str) -> None:
    course = straight(name)
    for way in WAYS:
        session = begun(name)
        prepared(name, session)
        found = way(session, course)
        for wanted, one in zip(course.states, found, strict=True):
            assert one == wanted, f"{way.__name__}: another state at tick {wanted[0]:,}"
        for point in session.view().breakpoints:
            session.do(f"delete {point.number}")
        ways.run(session, "goto end" if way is gone_back else "run")
        if session.verdict is None:
            ways.run(session)
        end, wanted_end = ways.end_of(session), course.end
        assert end.settled() == wanted_end.settled(), f"{way.__name__}: another end"
