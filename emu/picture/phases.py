"""When each phase of a boot was come to first."""

from collections.abc import Mapping

from emu.machine.board import Board
from emu.machine.event import Event
from emu.picture.view import PhaseView
from emu.profile.phases import phases_of, told_by

Reached = tuple[int, int | None]
"""The tick and the CPU of an event."""


class PhaseIndex:
    """By phase: the first event that says that somebody came to it, on one branch."""

    def __init__(self, named: Mapping[str, str]) -> None:
        """`named`: by milestone, the phase that it begins."""
        self._named = named
        self.firsts: dict[str, Reached] = {}

    def take(self, event: Event) -> None:
        """One more event of the log."""
        for name in told_by(event, self._named):
            self.firsts.setdefault(name, (event.tick, event.cpu))

    def views(self, board: Board) -> tuple[PhaseView, ...]:
        """The phases of a machine; what lies ahead of this moment is known, and not reached."""
        found, begin = [], (0, 0)
        for index, phase in enumerate(phases_of(board)):
            tick, cpu = self.firsts.get(phase.name, (None, None)) if index else begin
            reached = tick is not None and tick <= board.tick
            found.append(
                PhaseView(phase.name, phase.by == "bsp", phase.steps, reached, tick, cpu)
            )
        return tuple(found)
