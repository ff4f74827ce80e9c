"""What the guest has said, wherever it says it: on the serial line, or in its own log."""

from typing import Final

from emu.machine.board import Board
from emu.vmm import panic

BACK: Final = 4_096
"""So many rows of the events are looked through for lines: whoever gives up says so at last."""


def logged(board: Board) -> bytes:
    """The newest lines of the guest's own log, each with its end."""
    events, found = board.logs.events, list[str]()
    rows = events.folds(events.now)
    for row in range(rows - 1, max(rows - BACK, 0) - 1, -1):
        event = events.at(events.fold(row)[0])
        if event.kind == "log":
            found.append(event.text)
    return "".join(f"{line}\n" for line in reversed(found)).encode()


def gave_up(board: Board, *, ended: bool) -> str:
    """The sentence by which the guest gave up; empty where there is none. `ended`: the machine
    has ended, so that whoever panicked was not one of its programs."""
    texts = board.vmm.serial, logged(board)
    kernels = next(filter(None, map(panic.sentence, texts)), "")
    return kernels or (next(filter(None, map(panic.of_rust, texts)), "") if ended else "")
