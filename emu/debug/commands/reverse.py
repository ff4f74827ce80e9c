"""`reverse-step`, `reverse-next`, `reverse-finish`, `reverse-run`: back in time."""

from typing import Final

from emu.debug import by_line, travel
from emu.debug.command import Begun, Command, some_count, some_text, some_times
from emu.debug.commands.step import worded, written
from emu.debug.desk import Desk, Lines, focused
from emu.debug.resume import Resume, resume
from emu.debug.running import elsewhere


def _step(desk: Desk, cpu: int | None, count: int, word: str) -> Begun:
    if word == "line":
        with elsewhere(desk):
            by_line.back(desk, focused(desk), count)
        return ()
    if word:
        return resume(desk, Resume(others="step", direction="backward", count=count))
    one = desk.focus if cpu is None else cpu
    return resume(desk, Resume(((one, "step"),), "stop", "backward", count))


def _next(desk: Desk, count: int) -> Lines:
    with elsewhere(desk):
        travel.reverse_next(desk, focused(desk), count)
    return ()


def _finish(desk: Desk) -> Lines:
    with elsewhere(desk):
        travel.reverse_finish(desk, focused(desk))
    return ()


def _run(desk: Desk) -> Begun:
    return resume(desk, Resume(direction="backward"))


REVERSE_STEP: Final = Command(
    "reverse-step",
    "Go back to before the last COUNT instructions of a CPU; `any` for whichever CPU's; "
    "`line`: to where it came to the line of source that it executed last.",
    _step,
    (some_count("cpu", None, "any", "line"), some_times("count", 1), some_text("what")),
    read=lambda words: worded("reverse-step", ("any", "line"), words),
    write=written,
    moves=True,
)
REVERSE_NEXT: Final = Command(
    "reverse-next",
    "Like reverse-step, but a function that has returned is left behind as a whole.",
    _next,
    (some_times("count", 1),),
    moves=True,
)
REVERSE_FINISH: Final = Command(
    "reverse-finish",
    "Go back to the call of the function that the selected CPU is in.",
    _finish,
    moves=True,
)
REVERSE_RUN: Final = Command(
    "reverse-run",
    "Go back to where a breakpoint or watchpoint would have stopped last.",
    _run,
    moves=True,
)
