"""`schedules`: what becomes of the machine under many schedules, without leaving here."""

from typing import Final

from msgspec import Struct, field

from emu.debug.command import Begun, Command, some_count, times
from emu.debug.desk import Desk, Lines
from emu.debug.running import over
from emu.errors import CommandError
from emu.judge.tried import Tried, Trying
from emu.timeline.chooser import Random
from emu.timeline.root import root_at

MOST: Final = 10_000
"""At once: of a small boot these are some minutes."""


class _Many(Struct):
    """How far a search has come."""

    first: int
    end: int
    quantum_ps: int
    ends: dict[str, list[int]] = field(default_factory=dict)
    """Outcome or broken rule -> the seeds with it."""
    bad: tuple[int, Tried, int | None] | None = None
    """The first seed that did not end well, how, and the tick at which it was decided."""
    done: int = 0

    def another(self, desk: Desk) -> bool:
        """Try one more, then it is time to look at the keys; True where all are done."""
        before = desk.judge.here()
        with root_at(desk.timeline) as root:
            trying = Trying(root, desk.judge, before, desk.setup.max_ticks)
            self._one(trying, self.first + self.done)
        desk.reply = self._lines(desk)
        return self.first + self.done >= self.end

    def _one(self, trying: Trying, seed: int) -> None:
        tried = trying.by(Random(self.quantum_ps, seed))
        for what in (tried.verdict.outcome, *(f"breaks {rule}" for rule in tried.rules)):
            self.ends.setdefault(what, []).append(seed)
        self.done += 1
        if self.bad is None and not tried.well:
            self.bad = seed, tried, trying.decided(tried, self.quantum_ps)

    def _lines(self, desk: Desk) -> Lines:
        last = self.first + self.done - 1
        rows = [
            f"{self.done} random schedules from tick {desk.machine.board.tick:,}, "
            f"seeds {self.first} to {last}"
        ]
        for what, seeds in self.ends.items():
            rows.append(f"    {len(seeds)} {what}, the first by seed {seeds[0]}")
        return tuple(rows) if self.bad is None else (*rows, *self._shown(*self.bad))

    def _shown(self, seed: int, bad: Tried, tick: int | None) -> Lines:
        """The first that did not end well, and how to see it."""
        whole = Random(self.quantum_ps, seed).text
        if tick is None:
            when = "it ends so by the clock, too"
        else:
            when = f"decided at tick {tick:,}: from there on it ends so by the clock, too"
        return (
            f"seed {seed}: {bad.verdict.outcome}: {bad.verdict.reason}",
            f"    {when}",
            f"    to see it: `schedule {whole}`, then `run`",
        )


def _schedules(desk: Desk, number: int, seed: int) -> Begun:
    if number > MOST:
        raise CommandError(
            f"schedules: {MOST:,} at once and no more; "
            f"`schedules {MOST} {seed + MOST}` are the next ones"
        )
    if over(desk) or desk.timeline.driver.final:
        raise CommandError("schedules: nothing runs from here on: go back first")
    many = _Many(seed, seed + number, desk.timeline.driver.schedule.chooser.quantum_ps)
    return lambda: many.another(desk)


SCHEDULES: Final = Command(
    "schedules",
    "Run N random schedules from here, the first with SEED, and say how they end.",
    _schedules,
    (times("n"), some_count("seed", 0)),
)
