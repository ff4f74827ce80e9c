"""One guest five ways: plainly, with a checkpoint at every place, without sleep, step by step,
and stopped and looked at. What it comes to must be the same.
"""

import random
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from emu import Session
from emu.errors import CommandError
from emu.timeline.moment import START
from tests.guest import DATA, PT2, SHARED, WINDOW, Program
from tests.small import Small

TICKS_MAX: Final = 40_000
"""Of a plain run; a guest that needs more is cut there, on every way alike."""
AWAKE_TICKS_MAX: Final = 4_000_000
STEPPED_TICKS_MAX: Final = 500
"""Ticks that are executed one by one; the rest of a run goes in longer pieces."""
LOOKS: Final = 3
TRIPS: Final = 3


class End(Struct, frozen=True):
    """What a run came to."""

    digest: str
    outcome: str | None
    halted: bool
    """Whether every CPU came to its end."""
    ticks: tuple[int, ...]
    clocks: tuple[int, ...]
    events: tuple[str, ...]
    exits: tuple[tuple[str, int], ...]

    def settled(self) -> tuple[object, ...]:
        """What does not depend on the schedule."""
        return self.digest, self.outcome


def end_of(session: Session) -> End:
    """Where a session stands."""
    machine, verdict = session.machine, session.verdict
    return End(
        session.digest(), None if verdict is None else verdict.outcome,
        all(cpu.activity == "halted" for cpu in machine.board.cpus),
        tuple(cpu.ticks for cpu in machine.board.cpus),
        tuple(machine.waits.clock_of(cpu) for cpu in machine.board.cpus),
        tuple(f"{event.tick} {event.cpu} {event.text}" for event in machine.board.logs.events),
        tuple(sorted(machine.board.exit_counts.items())),
    )  # fmt: skip


def run(session: Session, words: str = "run") -> None:
    """A command wholly, with nobody looking."""
    session.begin(words)
    while session.pump(60.0):
        pass


def opened(one: Small, code: Program, waiting: bool = True, ticks: int = TICKS_MAX) -> Session:
    """A session before the first tick of a guest, with all that was ordered."""
    session = one.guest(code, waiting=waiting, max_ticks=ticks).boot()
    for order in one.orders:
        session.do(order)
    return session


def plainly(one: Small, code: Program) -> End:
    """From the first tick to the last at one go."""
    session = opened(one, code)
    run(session)
    return end_of(session)


def checkpointed(one: Small, code: Program) -> End:
    """With a checkpoint at every border, and then to and fro between them."""
    session = opened(one, code)
    session.timeline.spacing = 0
    run(session)
    draw, last = random.Random(one.seed), session.timeline.end
    first = end_of(session)
    for _ in range(TRIPS):
        run(session, f"goto {draw.randrange(last.tick + 1)}")
    session.timeline.goto(START)
    session.timeline.goto(last)
    second = end_of(session)
    assert second.digest == first.digest, "another end after going back"
    return first


def awake(one: Small, code: Program) -> End:
    """With waiting switched off."""
    session = opened(one, code, waiting=False, ticks=AWAKE_TICKS_MAX)
    run(session)
    return end_of(session)


def stepped(one: Small, code: Program) -> End:
    """One tick at a time."""
    session = opened(one, code)
    timeline = session.timeline
    while session.verdict is None:
        run(session, "run 1" if timeline.now.tick < STEPPED_TICKS_MAX else "run 997")
    return end_of(session)


def looked_at(one: Small, code: Program) -> End:
    """Stopped by chance and looked at with every word that only looks."""
    draw = random.Random(one.seed)
    session = opened(one, code)
    places = sorted(code.labels.values())
    session.do(f"break {draw.choice(places):#x} if rax == 0x123456789")
    session.do(f"watch gpa:{SHARED + 8 * draw.randrange(64):#x}/8")
    gap, looks = draw.choice((10, 40, 150, 1_000)), 0
    while session.verdict is None:
        run(session, f"run {draw.randrange(1, gap) if looks < LOOKS else TICKS_MAX}")
        if looks < LOOKS:
            look(session, draw)
            looks += 1
    return end_of(session)


def look(session: Session, draw: random.Random) -> None:
    """One look of each kind, at places of chance."""
    cpu = draw.randrange(len(session.machine.board.cpus))
    place = draw.choice((SHARED, DATA, WINDOW, PT2)) + 8 * draw.randrange(512)
    session.view(cpu)
    session.digest()
    words = [
        f"mem {place:#x}", f"walk {place:#x}", f"npt {place:#x}", "waits", "print rax",
        f"last-writer gpa:{place:#x}/4", f"accessed gpa:{place:#x}/4", "findings", "races",
        f"mark m{session.machine.board.tick}",
    ]  # fmt: skip
    for order in draw.sample(words, 5):
        try:
            run(session, order)
        except CommandError:
            continue  # refused in a sentence: nothing has changed
    if draw.random() < 0.3:
        here = session.timeline.now
        run(session, "goto start")
        session.timeline.goto(here)


def differences(one: Small, code: Program) -> list[str]:
    """The ways on which a guest comes to something else than plainly."""
    wanted = plainly(one, code)
    ways: Iterable[Callable[[Small, Program], End]] = (checkpointed, stepped, looked_at)
    found = []
    for way in ways:
        try:
            end = way(one, code)
        except AssertionError as error:
            found.append(f"{way.__name__}: {error}")
            continue
        if end != wanted:
            found.append(f"{way.__name__}: {_difference(wanted, end)}")
    comparable = one.family == "settled" or one.cpus == 1
    if comparable and not one.orders and wanted.halted:
        end = awake(one, code)
        if end.settled() != wanted.settled():
            found.append(f"awake: {wanted.settled()} and {end.settled()}")
    return found


def _difference(wanted: End, found: End) -> str:
    """The first field that differs."""
    for name in ("outcome", "ticks", "clocks", "exits", "events", "digest"):
        one, other = getattr(wanted, name), getattr(found, name)
        if one != other:
            if name == "events":
                pairs = enumerate(zip(one, other, strict=False))
                return next(
                    (f"event {n}: {a!r} and {b!r}" for n, (a, b) in pairs if a != b),
                    f"{len(one)} and {len(other)} events",
                )
            return f"{name} {one} and {other}"
    return "nothing"


def shrunk(one: Small, fails: Callable[[Small], bool]) -> Small:
    """The same failure with as few blocks as can be."""
    size = max(len(one.blocks) // 2, 1)
    while True:
        starts = range(0, len(one.blocks), size)
        smaller = (one.without(set(range(start, start + size))) for start in starts)
        better = next((candidate for candidate in smaller if fails(candidate)), None)
        if better is not None:
            one = better
        elif size == 1:
            return one
        else:
            size = max(size // 2, 1)
