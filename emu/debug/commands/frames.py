"""`frame`, `up`, `down`: which frame of the selected CPU's stack is looked at."""

from typing import Final

from emu.debug.command import Command, some_count, some_times
from emu.debug.desk import Desk, Lines, started
from emu.errors import CommandError
from emu.unwind.frame import Frame, words


def _frames(desk: Desk) -> tuple[Frame, ...]:
    return desk.looks.unwinder(desk.machine).told(started(desk)).frames


def _here(desk: Desk) -> int:
    return desk.looks.frame_number(desk.machine, started(desk))


def _look_at(desk: Desk, number: int) -> Lines:
    """Look at a frame from now on, until the machine moves."""
    found = _frames(desk)
    if not 0 <= number < len(found):
        raise CommandError(
            f"there is no frame {number}: cpu {desk.focus} has "
            + ("frame 0 alone" if len(found) == 1 else f"frames 0 to {len(found) - 1}")
        )
    desk.looks.look_at_frame(desk.machine, started(desk), number)
    frame = found[number]
    line = frame.source
    text = None if line is None else desk.machine.board.layout.lines.text(*line)
    return words(frame), *(() if text is None or line is None else (f"{line[1]:>6} {text}",))


def _frame(desk: Desk, number: int | None) -> Lines:
    return _look_at(desk, _here(desk) if number is None else number)


def _up(desk: Desk, count: int) -> Lines:
    return _look_at(desk, min(_here(desk) + count, len(_frames(desk)) - 1))


def _down(desk: Desk, count: int) -> Lines:
    return _look_at(desk, max(_here(desk) - count, 0))


FRAME: Final = Command(
    "frame",
    "Look at frame N of `bt` (none: say which it is): its code, line and registers, until the "
    "machine moves.",
    _frame,
    (some_count("number"),),
    looks=True,
)
UP: Final = Command(
    "up",
    "Look at the caller's frame, or at that of the function that this one is inlined in.",
    _up,
    (some_times("count", 1),),
    looks=True,
)
DOWN: Final = Command(
    "down",
    "Back towards the frame that the CPU executes.",
    _down,
    (some_times("count", 1),),
    looks=True,
)
