"""What becomes of a machine under one schedule or another, all from the same root."""

from msgspec import Struct

from emu.judge.judge import Judge
from emu.judge.outcome import verdict
from emu.judge.verdict import Verdict
from emu.mailbox.course import Course
from emu.mailbox.rule import COUNTING
from emu.timeline.chooser import Choice, Chooser, Replay
from emu.timeline.root import Root


class Tried(Struct, frozen=True):
    """One course: how it ended, which rules it broke, and who was chosen on the way."""

    verdict: Verdict
    rules: tuple[str, ...]
    """Each once, in order of time."""
    choices: tuple[Choice, ...]

    @property
    def well(self) -> bool:
        """Whether it booted and broke nothing."""
        return self.verdict.outcome == "booted" and not self.rules

    def like(self, other: "Tried") -> bool:
        """Whether two courses went equally wrong, or well."""
        return (self.verdict.outcome, set(self.rules)) == (
            other.verdict.outcome, set(other.rules),
        )  # fmt: skip


class Trying(Struct):
    """Courses from one root, each judged by the rules with what came before the root."""

    root: Root
    judge: Judge
    before: Course
    """What the rules know at the root."""
    tick: int
    """At which a course is cut off."""

    def by(self, chooser: Chooser) -> Tried:
        """Run one; the machine stands at its end."""
        ran = self.root.run(chooser, self.tick)
        became = verdict(self.root.machine, ran.pause, self.root.held)
        found = self.judge.beyond(self.before, ran.observed, became) if self.judge.on else ()
        rules = dict.fromkeys(one.rule for one in found if one.severity in COUNTING)
        return Tried(became, tuple(rules), ran.choices)

    def decided(self, bad: Tried, quantum_ps: int) -> int | None:
        """The tick of a choice with which a course is lost: made as they were up to it, and by
        the clock from there on, it ends as badly; without that one it does not. None where it
        does so by the clock alone."""

        def lost(count: int) -> bool:
            return self.by(Replay(quantum_ps, bad.choices[:count])).like(bad)

        if lost(0):
            return None
        well, ill = 0, len(bad.choices)
        while ill - well > 1:
            middle = (well + ill) // 2
            if lost(middle):
                ill = middle
            else:
                well = middle
        return bad.choices[well].tick
