"""When each phase of a boot was come to first."""

from collections.abc import Mapping
from typing import Final

from emu.machine.board import Board
from emu.machine.event import Event
from emu.picture.view import PhaseView
from emu.profile.phases import PHASES, PhaseKind, phases_of, told_by

_IF_COME_TO: Final = ("hypercalls", "memory", "start APs", "done")
"""Phases that a shim has without symbols of ours if its host has seen them."""
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
        for index, phase in enumerate(self._of(board)):
            tick, cpu = self.firsts.get(phase.name, (None, None)) if index else begin
            reached = tick is not None and tick <= board.tick
            found.append(
                PhaseView(phase.name, phase.by == "bsp", phase.steps, reached, tick, cpu)
            )
        return tuple(found)

    def _of(self, board: Board) -> tuple[PhaseKind, ...]:
        """Those that the images can have, and what the host has seen of others."""
        some = phases_of(board)
        if board.roles.known or len(some) == 1:
            return some
        seen = {one for one in _IF_COME_TO if one in self.firsts}
        found = tuple(one for one in PHASES if one in some or one.name in seen)
        return found if some[0] in PHASES else (some[0], *found)
