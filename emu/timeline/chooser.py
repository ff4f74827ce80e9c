"""Who gets the next slice, and how long it is: by the clock, at random, as it was once chosen,
or by the clock but for a few places.

A chooser is a value, so it is in checkpoints and travels; what a choice depends on beside it is
how many there were before.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

QUANTUM_PS: Final = 1_000_000
"""How far a CPU may run ahead of the next one: 1 us, some 2,000 instructions."""
ALONE_PS: Final = 10_000_000
"""The longest slice of a CPU that runs alone: 10 us, some 20,000 instructions. Checkpoints lie
between slices."""


class Choice(NamedTuple):
    """One CPU up to one moment of its clock. Of a CPU that waits in a loop: how far ahead it is
    looked whether that loop ends by the clock."""

    cpu: int
    until_ps: int
    tick: int
    """At which it was made."""


class Offer(NamedTuple):
    """Who can be chosen, at one point of a course."""

    times: Sequence[tuple[int, int]]
    """(clock, CPU), the CPU that is furthest behind first."""
    begun: int
    """Slices since power-on."""
    asked: int
    """Choices since the chooser is in force, those of waiting CPUs too."""
    runs: Callable[[int], bool]
    """Whether a CPU executes instructions as soon as it is chosen."""

    def place_of(self, cpu: int) -> int | None:
        """Where a CPU stands among them."""
        return next((at for at, (_, one) in enumerate(self.times) if one == cpu), None)


class Timed(Struct, frozen=True):
    """The CPU that is furthest behind, up to a quantum beyond the next one."""

    quantum_ps: int = QUANTUM_PS

    @property
    def words(self) -> str:
        """What `schedule` calls it, without the quantum."""
        return "timed"

    @property
    def text(self) -> str:
        """The chooser as `schedule` reads it."""
        quantum = "" if self.quantum_ps == QUANTUM_PS else f" quantum {self.quantum_ps // 1000}"
        return self.words + quantum

    def whose(self, offer: Offer) -> int:
        """Which of those that are offered is next."""
        return 0

    def until(self, offer: Offer, moment: int, horizon: int) -> int:
        """Where the slice of a CPU ends that stands at a moment; the others stand at the
        horizon, or further."""
        return max(min(horizon + self.quantum_ps, moment + ALONE_PS), moment + 1)

    def ahead(self, offer: Offer, moment: int, horizon: int) -> int:
        """How far a CPU that waits is looked ahead."""
        return max(horizon, moment) + self.quantum_ps


class Random(Timed, frozen=True):
    """One of those within four quanta of the CPU that is furthest behind, for a random part of
    a quantum."""

    seed: int = 0

    @property
    def words(self) -> str:
        """Its kind and the seed."""
        return f"random {self.seed}"

    def whose(self, offer: Offer) -> int:
        """Drawn anew for each slice."""
        near = offer.times[0][0] + 4 * self.quantum_ps
        count = sum(moment <= near for moment, _ in offer.times)
        return self._draw(offer.begun, "cpu") % count

    def until(self, offer: Offer, moment: int, horizon: int) -> int:
        """At least a picosecond, at most a quantum."""
        return moment + 1 + self._draw(offer.begun, "length") % self.quantum_ps

    def _draw(self, begun: int, what: str) -> int:
        """A number that depends on the seed, on how many slices there were, and on nothing
        else."""
        text = f"{self.seed} {begun} {what}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


class Bounded(Timed, frozen=True):
    """By the clock, but a few slices are given to another CPU, if it can run then."""

    switches: tuple[tuple[int, int], ...] = ()
    """(number of the slice since power-on, CPU that has it)."""

    @property
    def words(self) -> str:
        """Each slice with its CPU."""
        return "switches " + ",".join(f"{begun}:{cpu}" for begun, cpu in self.switches)

    def whose(self, offer: Offer) -> int:
        """That of the slice's switch, if there is one."""
        for begun, cpu in self.switches:
            place = offer.place_of(cpu) if begun == offer.begun else None
            if place is not None and offer.runs(cpu):
                return place
        return 0


class Replay(Timed, frozen=True):
    """As it was once chosen from the same state on; by the clock when that is used up."""

    choices: tuple[Choice, ...] = ()

    def whose(self, offer: Offer) -> int:
        """The CPU that was chosen, which is there again."""
        if offer.asked >= len(self.choices):
            return 0
        place = offer.place_of(self.choices[offer.asked].cpu)
        assert place is not None, "a replay begins where its choices were made"
        return place

    def until(self, offer: Offer, moment: int, horizon: int) -> int:
        """As long as it was."""
        if offer.asked >= len(self.choices):
            return super().until(offer, moment, horizon)
        return self.choices[offer.asked].until_ps

    def ahead(self, offer: Offer, moment: int, horizon: int) -> int:
        """As far as it was."""
        if offer.asked >= len(self.choices):
            return super().ahead(offer, moment, horizon)
        return self.choices[offer.asked].until_ps


Chooser = Timed | Random | Bounded | Replay
