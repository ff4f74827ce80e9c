"""Going back gives the state that was there before, and going forward again the same future.

Random programs of commands (runs, steps, edits, injections, other schedules, travels and
branches) on machines of 1 to 16 CPUs; whatever state they pass through is remembered by its
digest, and visited again in another order. `PROGRAMS` of them in `DAYS` days.
"""

from random import Random

import pytest
from msgspec import Struct, field

from emu import Session, open_session
from emu.errors import CommandError
from emu.timeline.moment import Moment
from tests.shard import breadth, of_the_day

PROGRAMS = 2000
PER_MACHINE = 25
DAYS = 5
SEEDS = of_the_day(range(PROGRAMS // PER_MACHINE), DAYS)
STARTS = (0, 3_000, 20_000, 41_000, 43_000, 60_000, 120_000)
PLATFORMS = ("tdx", "vbs", "sipi", "none")
REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "r9", "rflags")
PLACES = ("gpa:0x8000000/4", "gpa:0x8010000/8", "mailbox.vector", "mailbox.reserved")


class Diary(Struct):
    """The states that a session was seen in, by branch and moment."""

    session: Session
    digests: dict[tuple[str, Moment], str] = field(default_factory=dict)

    def note(self) -> None:
        timeline = self.session.timeline
        key = timeline.branch.name, timeline.now
        found = self.session.digest()
        assert self.digests.setdefault(key, found) == found, f"another state at {key}"

    def visit(self, name: str, moment: Moment) -> None:
        timeline = self.session.timeline
        if timeline.branch.name != name:
            timeline.switch(name)
        timeline.goto(moment)
        self.check(name, moment)

    def check(self, name: str, moment: Moment) -> None:
        timeline = self.session.timeline
        assert timeline.now == moment, (name, timeline.now, moment)
        assert self.session.digest() == self.digests[name, moment], (name, moment)


def command(random: Random, session: Session) -> str:
    """One random command that may or may not make sense just now."""
    cpus = len(session.machine.board.cpus)
    cpu, known = random.randrange(cpus), session.timeline.end.tick
    return random.choice((
        f"run {random.choice((1, 7, 100, 2_500))}",
        f"run {random.randrange(1, 900)}",
        f"step {cpu} {random.randrange(1, 40)}",
        f"step {random.randrange(1, 9)}",
        "next",
        f"set cpu{cpu}:{random.choice(REGISTERS)}={random.randrange(1 << 16):#x}",
        f"set {random.choice(PLACES)}={random.randrange(256):#x}",
        f"inject stall {cpu} {random.randrange(1, 9_000)}",
        f"inject interrupt {cpu} {random.randrange(32, 256)}",
        f"inject nmi {cpu}" if random.random() < 0.2 else "run 50",
        f"inject host-write 0x8020000 {random.randrange(256)}",
        f"inject stall {cpu} 2us at tick {random.randrange(400_000)}",
        f"inject stall {cpu} 1us at mailbox command nth {random.randrange(1, 4)}",
        f"inject late-stores {cpu} {random.randrange(1, 9)}us",
        f"inject never-starts {cpu}",
        f"schedule random {random.randrange(99)} quantum {random.choice((50, 400, 2_000))}",
        "schedule timed",
        f"hold {cpu}",
        f"release {cpu}",
        f"reverse-step any {random.randrange(1, 60)}",
        f"reverse-step {cpu} {random.randrange(1, 20)}",
        f"goto {random.randrange(known + 1)}",
        f"goto {known}",
        "until mailbox_wait" if random.random() < 0.1 else "step 0",
    ))  # fmt: skip


def start(random: Random) -> Diary:
    cpus = random.choice((1, 2, 3, 4, 8, 16))
    session = open_session(platform=random.choice(PLATFORMS), cpus=cpus, max_ticks=400_000)
    session.do(f"run {random.choice(STARTS) + random.randrange(500)}")
    return Diary(session)


def play(random: Random, diary: Diary) -> list[str]:
    """One program: it begins at a random known moment."""
    session, done = diary.session, []
    for _ in range(random.randrange(3, 9)):
        text = command(random, session)
        done.append(text)
        try:
            session.do(text)
        except CommandError:
            done[-1] += " (refused)"
        diary.note()
    return done


def look_back(random: Random, diary: Diary) -> None:
    """Some of the states again, in another order; then the way from one to a later one."""
    keys = sorted(diary.digests)
    for name, moment in random.sample(keys, min(4, len(keys))):
        diary.visit(name, moment)
    name = random.choice(keys)[0]
    moments = [moment for branch, moment in keys if branch == name]
    first, last = sorted(random.choices(moments, k=2))
    diary.visit(name, first)
    diary.session.timeline.retrace(last)
    diary.check(name, last)


@pytest.mark.parametrize("seed", breadth(SEEDS, keep=1))
def test_every_state_is_there_again(seed: int) -> None:
    random = Random(seed)
    diary = start(random)
    for number in range(PER_MACHINE):
        program = play(random, diary)
        try:
            look_back(random, diary)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, program {number}: {program}") from error
