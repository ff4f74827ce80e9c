"""Any sequence of the words of time travel keeps what is known: a state is a matter of what was
entered and of the moment, whichever way it was reached, and what is said of it is true."""

import re
from itertools import pairwise
from random import Random

import pytest
from msgspec import Struct, field

from emu import Session, open_session
from emu.errors import CommandError
from emu.timeline.moment import Entry, Moment
from tests import shard

WALKS = 32
WORDS = 40
HANG = ("run 2518", "set cpu0:rbx=607")
"""After these the guest faults until it hangs at tick 17,526, where a checkpoint is due."""
STARTS = (0, 1_500, 9_000, 18_000, 27_500)


class Walk(Struct):
    """A session, and the digests of all states in which a word left it."""

    random: Random
    session: Session
    digests: dict[tuple[tuple[Entry, ...], Moment], str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def words(self) -> tuple[str, ...]:
        """Something that people say, whether or not it can be done just now."""
        random, timeline = self.random, self.session.timeline
        known = max(timeline.end.tick, 1)
        cpu = random.randrange(len(self.session.machine.board.cpus))
        mark = random.choice([*timeline.branch.marks, "start", "end", "now"])
        branch = random.choice([*timeline.branches, "other", "another"])
        back = random.randrange(2, 90)
        if random.random() < 0.1:
            return "goto end", f"reverse-step any {back}", f"step 0 {back - 1}", "goto 17530"
        word = random.choice((
            f"goto {random.randrange(known)}", f"goto {known + random.randrange(-9, 900)}",
            f"goto {random.randrange(101)}%", f"goto {mark}", f"mark {random.choice('abc')}",
            f"run {random.randrange(1, 3_000)}", f"step {random.randrange(1, 40)}",
            f"step {cpu} {random.randrange(1, 30)}", "step all", "next", f"cpu {cpu}",
            "reverse-step", f"reverse-step any {random.randrange(1, 50)}", "reverse-next",
            "reverse-run", "reverse-finish", f"set cpu0:rbx={random.randrange(1_000)}",
            f"branch {branch}", f"goto {branch}", f"hold {cpu}", f"release {cpu}",
            f"schedule random {random.randrange(9)} quantum {random.choice((50, 400))}",
            "schedule timed", "catch tdcall", "delete 1",
            "goto 88900" if random.random() < 0.3 else "goto 17530",
        ))  # fmt: skip
        return (word,)

    def do(self, words: str) -> None:
        """Carry a word out; what cannot be done now is refused."""
        self.said.append(words)
        try:
            view = self.session.do(words)
        except CommandError as error:
            self.said[-1] += f" ({error})"
            return
        wanted = words.removeprefix("goto ")
        if wanted.isdigit() and view.tick != int(wanted):
            assert view.outcome is not None, f"{view.tick} is not {wanted}, and no end"
            assert f"{int(wanted):,} lies beyond" in view.reply[0]

    def look(self) -> None:
        """What holds wherever the machine stands."""
        timeline = self.session.timeline
        now = timeline.now
        key = tuple(timeline.branch.entries[: now.entries]), now
        digest = self.session.digest()
        assert self.digests.setdefault(key, digest) == digest, f"another state at {now}"
        for entry in timeline.branch.entries[now.entries :][:1]:
            assert now[:2] <= (entry.tick, entry.beat), f"{entry} is overdue at {now}"
        for before, point in pairwise(timeline.branch.points):
            assert before.moment < point.moment, f"two checkpoints at {point.moment}"
            assert point.parent is before, f"{point.moment} does not follow {before.moment}"
        for stop in self.session.stop:
            told = re.search(r"tick ([\d,]+)$", stop.text)
            assert told is None or told[1] == f"{now.tick:,}", f"{stop.text}, but {now}"

    def look_again(self) -> None:
        """Some of the states of this branch, in another order, and moments near them that
        need not be states; what is known stays as it is."""
        random, timeline = self.random, self.session.timeline
        end, self.session.desk.stop = timeline.end, ()
        here = [now for entered, now in self.digests if self._on_this_branch(entered, now)]
        for moment in random.sample(here, min(8, len(here))):
            tick, beat = moment.tick - random.randrange(9), moment.beat + random.randrange(3)
            for wanted in (moment, Moment(max(tick, 0), beat)):
                self.said.append(f"({wanted})")
                timeline.goto(wanted)
                assert wanted != moment or timeline.now == moment
                assert timeline.end == end, f"{wanted} led beyond {end} to {timeline.end}"
                self.look()

    def _on_this_branch(self, entered: tuple[Entry, ...], now: Moment) -> bool:
        """Whether a state, here or on another branch, is one of this branch, too."""
        timeline = self.session.timeline
        entries = tuple(timeline.branch.entries)
        later = entries[now.entries :]
        return (
            entered == entries[: now.entries]
            and now <= timeline.end
            and (not later or now[:2] <= (later[0].tick, later[0].beat))
        )


@pytest.mark.parametrize("seed", shard.breadth(range(WALKS), keep=6))
def test_a_walk_through_time_keeps_every_state_and_tells_where_it_stands(seed: int) -> None:
    random = Random(seed)
    session = open_session(platform="tdx", cpus=random.choice((1, 2, 4)), max_ticks=100_000)
    walk = Walk(random, session)
    try:
        for words in HANG if seed % 2 else ():
            walk.do(words)
        walk.do(f"run {random.choice(STARTS) + random.randrange(500)}")
        for _ in range(WORDS):
            for words in walk.words():
                walk.do(words)
                walk.look()
        walk.look_again()
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {walk.said}") from error
