"""Linear addresses at which a CPU is looked at before it executes there, and for whose sake."""

from typing import Literal

from emu.hw.engine import Engine

Sake = Literal["milestone", "vector", "injection"]
"""A named point of the boot; where a wake-up leads; where an injection waits for a CPU."""


class Addresses:
    """All of them together are the engine's breakpoints, for every CPU."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        none: frozenset[int] = frozenset()
        self._of: dict[Sake, frozenset[int]] = {
            "milestone": none, "vector": none, "injection": none
        }  # fmt: skip
        self.stops: dict[int, frozenset[int] | None] = {}
        """Breakpoints of the user: the CPUs each is for, None for all."""
        self.silent: frozenset[int] = frozenset()
        """Where a CPU is looked at whether or not a breakpoint of the user's is there."""

    def of(self, sake: Sake) -> frozenset[int]:
        """Those that one reason asks for."""
        return self._of[sake]

    def watch(self, sake: Sake, addresses: frozenset[int]) -> None:
        """These are a reason's addresses from now on, and no others."""
        if addresses != self.of(sake):
            self._of[sake] = addresses
            self.refresh()

    def __contains__(self, address: object) -> bool:
        """Whether a CPU is looked at there even where nobody is to stop."""
        return address in self.silent

    def refresh(self) -> None:
        """Tell the engine where to stop."""
        self.silent = frozenset().union(*self._of.values())
        self._engine.breakpoints.replace({*self.silent, *self.stops})

    def stop(self, address: int, cpus: frozenset[int] | None) -> None:
        """CPUs (None: all) are to stop at an address, beside those that do already."""
        already = self.stops.get(address, frozenset())
        self.stops[address] = None if cpus is None or already is None else already | cpus
        self._engine.breakpoints.add((address,))
