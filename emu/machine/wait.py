"""One CPU's wait as a value, and how often a CPU was seen where it may be waiting."""

from typing import Final

from msgspec import Struct, field

from emu.machine.lap import Loop
from emu.machine.log import WakeCause

HITS: Final = 2
"""Sightings at one place before a lap is traced there."""
BACKOFF_MAX: Final = 4096
"""Hits between two attempts at a loop that turned out to do real work."""
PLACES_MAX: Final = 64
"""Places remembered for each CPU."""


class Suspicion(Struct):
    """How often a CPU was seen at its places, and how often it must be for a trace."""

    hits: dict[int, int] = field(default_factory=dict)
    wanted: dict[int, int] = field(default_factory=dict)

    def copy(self) -> "Suspicion":
        """What is suspected so far."""
        return Suspicion(dict(self.hits), dict(self.wanted))

    def hit(self, place: int, least: int = 0) -> bool:
        """One more sighting; True if that makes it worth a trace, which fewer than `least`
        never do."""
        count = self.hits[place] = self.hits.get(place, 0) + 1
        return count >= max(self.wanted.get(place, HITS), least)

    def failed(self, place: int) -> None:
        """A trace that began at a place led nowhere: wait longer before the next."""
        if len(self.wanted) >= PLACES_MAX:
            self.wanted.clear()
        self.wanted[place] = min(2 * self.wanted.get(place, HITS), BACKOFF_MAX)
        self.hits.clear()


def lap_start(since_ps: int, lap_ps: int, moment_ps: int) -> int:
    """The start of the first lap that begins at or after a moment."""
    return since_ps + max(0, -(-(moment_ps - since_ps) // lap_ps)) * lap_ps


class Wait(Struct, frozen=True):
    """A CPU that sleeps in a loop since its clock stood at the loop's head."""

    loop: Loop
    since_ps: int
    safe_ps: int
    """A lap that starts at this clock is known to come round."""
    ends_ps: int | None = None
    """The start of the first lap that does not come round by itself, once known."""
    due_ps: int | None = None
    """The start of the first lap that leaves if memory stays as it is now."""
    due_by: int | None = None
    """The CPU whose store made it so; None for the host's."""
    stored_ps: int | None = None
    """The clock of whoever stored, at that store."""

    @classmethod
    def begun(cls, loop: Loop, since_ps: int) -> "Wait":
        """A wait of which no more is known than the lap that was seen: a loop that reads a
        clock may leave in the very next one, so what is safe ends before its start."""
        return cls(loop, since_ps, since_ps - 1)

    @property
    def known_more(self) -> bool:
        """Whether it is no longer as it began."""
        begun = self.safe_ps == self.since_ps - 1
        return not begun or self.ends_ps is not None or self.due_ps is not None

    def lap_at(self, moment_ps: int) -> int:
        """The start of the first lap that begins at or after a moment."""
        return lap_start(self.since_ps, self.loop.lap_ps, moment_ps)

    def cause_ps(self, why: WakeCause, moment_ps: int, wakes_ps: int) -> int:
        """When that was done at a moment which wakes the CPU later, at the lap that begins
        then."""
        stored = self.stored_ps if why == "memory" else None
        return min(moment_ps if stored is None else stored, wakes_ps)

    @property
    def last_ps(self) -> int | None:
        """The start of the lap that is executed again, as far as it is known."""
        known = [moment for moment in (self.ends_ps, self.due_ps) if moment is not None]
        return min(known, default=None)

    @property
    def matters_ps(self) -> int:
        """When it is to be looked at again: at the latest at the end of the loop, at the
        earliest at the first lap that has not been tried."""
        last = self.last_ps
        return self.safe_ps + 1 if last is None else last
