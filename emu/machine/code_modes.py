"""How code was last executed that begins in another mode: where a CPU starts, and where a far
transfer led from code of 16, 32 or 64 bits to code of another kind.

Between two such places code is of one kind, so these are all that has to be noted; it costs
nothing where nothing changes. What was seen is kept whatever moment is gone to.
"""

from typing import Final

PLACES_MAX: Final = 4_096
"""Of more, the oldest are forgotten."""
NEAREST: Final = 8


class CodeModes:
    """Linear address -> how the code there was executed last, as `Context.coding` says."""

    def __init__(self) -> None:
        self._places: dict[int, str] = {}
        self.version = 0
        """Counts changes."""

    def note(self, address: int, coding: str) -> None:
        """A CPU is about to execute here."""
        if self._places.get(address) == coding:
            return
        if len(self._places) >= PLACES_MAX:
            self._places.pop(next(iter(self._places)))
        self._places[address] = coding
        self.version += 1

    def at(self, address: int) -> str | None:
        """How the code at an address was executed; None where no kind of code begins."""
        return self._places.get(address)

    def nearest(self, address: int) -> list[tuple[int, str]]:
        """Some places and how they were executed, those next to an address first."""
        found = sorted(self._places.items(), key=lambda one: abs(one[0] - address))
        return found[:NEAREST]
