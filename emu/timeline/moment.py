"""A place on a branch of the timeline, and what people have entered there."""

from typing import Final, NamedTuple

from msgspec import Struct


class Moment(NamedTuple):
    """A state at which a run can stand. All three only grow along a branch, so states compare
    in time order; a moment that is not a state itself means the first one that reaches it."""

    tick: int
    beat: int = 0
    entries: int = 0
    """Entries of the branch that have been carried out."""

    def reached_at(self, state: "Moment") -> bool:
        """Whether a state is at or after this moment: it must be in all three, as a moment
        between two ticks with a beat that comes later lies behind that beat."""
        return (
            state.tick >= self.tick
            and state.beat >= self.beat
            and state.entries >= self.entries
        )


START: Final = Moment(0)
"""Power-on."""


class Entry(Struct, frozen=True):
    """Something that came from outside, in words that carry it out again anywhere:
    `hand 1`, `auto`, `hold 2`, `schedule random 7`, `set cpu1:rax=5`, `inject nmi 3`."""

    tick: int
    beat: int
    text: str
