"""In which phase of the boot, and where in the code, a CPU is at a tick."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from emu.profile.basis import Basis
from emu.profile.code_spot import NOWHERE, CodeSpot, spot_of
from emu.profile.phases import named_phases, phases_of, told_by
from emu.profile.waterfall_view import StepName

_PHASES: Final[dict[StepName, str]] = {
    "first": "start APs", "parked": "parked", "seen": "wake-up", "ack": "ack",
    "vector": "arrived", "online": "online",
}  # fmt: skip
"""Step of an AP -> the phase that it is in from there on."""


class PhaseMarks(Struct):
    """What is so from a tick on, oldest first."""

    ticks: list[int]
    values: list[str]

    def at(self, tick: int) -> str:
        """What is so at a tick."""
        return self.values[max(bisect_right(self.ticks, tick) - 1, 0)]


class SpotNames:
    """Phases and code of all CPUs. Of the code it is known where the logs saw a CPU last, or
    with a trace every instruction."""

    def __init__(self, basis: Basis) -> None:
        self._board = basis.machine.board
        self._trace = basis.looked.code
        self._phases = _phases(basis)
        self._spots: dict[int, tuple[list[int], list[CodeSpot]]] | None = None

    def phase(self, cpu: int, tick: int) -> str:
        """The phase in which a CPU is."""
        return self._phases[cpu].at(tick)

    def spot(self, cpu: int, tick: int) -> CodeSpot:
        """Where a CPU is."""
        ticks, spots = self._known()[cpu]
        at = bisect_right(ticks, tick) - 1
        return spots[at] if at >= 0 else NOWHERE

    def changes(self, cpu: int, first: int, last: int) -> list[int]:
        """The ticks between two at which one of both is another one."""
        found = set[int]()
        for ticks in (self._phases[cpu].ticks, self._known()[cpu][0]):
            found.update(ticks[bisect_right(ticks, first) : bisect_right(ticks, last - 1)])
        return sorted(found)

    def _known(self) -> dict[int, tuple[list[int], list[CodeSpot]]]:
        if self._spots is None:
            found: dict[int, tuple[list[int], list[CodeSpot]]] = defaultdict(lambda: ([], []))
            for tick, cpu, spot in self._seen() if self._trace is None else self._trace:
                found[cpu][0].append(tick)
                found[cpu][1].append(spot)
            self._spots = found
        return self._spots

    def _seen(self) -> Iterator[tuple[int, int, CodeSpot]]:
        for one in self._board.logs.observed:
            if one.cpu is not None and one.address:
                yield one.tick, one.cpu, spot_of(self._board, one.address)


def _phases(basis: Basis) -> list[PhaseMarks]:
    board = basis.machine.board
    first, named = phases_of(board)[0].name, named_phases(board)
    boot = PhaseMarks([0], [first])
    for event in board.logs.events:
        if event.cpu == 0:
            for name in told_by(event, named):
                boot.ticks.append(event.tick)
                boot.values.append(name)
    every = [boot]
    for _, steps in basis.steps:
        known = [(one.tick, _PHASES[one.step]) for one in steps if one.step in _PHASES]
        every.append(PhaseMarks([tick for tick, _ in known] or [0],
                           [name for _, name in known] or ["-"]))  # fmt: skip
    return every
