"""`previous-change`, `next-change`: where a place becomes another."""

from typing import Final

from emu.debug import travel
from emu.debug.command import Begun, Command, text
from emu.debug.desk import Desk, Lines, focused
from emu.debug.running import begin_run, elsewhere


def _previous(desk: Desk, place: str) -> Lines:
    with elsewhere(desk):
        travel.previous_change(desk, place)
    return ()


def _next(desk: Desk, place: str) -> Begun:
    desk.watchpoints.until(desk.machine, focused(desk), place)
    return begin_run(desk, None)


PREVIOUS_CHANGE: Final = Command(
    "previous-change",
    "Go back to before the last change of a place.",
    _previous,
    (text("place"),),
)
NEXT_CHANGE: Final = Command(
    "next-change", "Run until a place changes.", _next, (text("place"),)
)
