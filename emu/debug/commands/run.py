"""`run`, `until`, `reset`: all CPUs go on, or begin again."""

from typing import Final

from emu.debug import travel
from emu.debug.catch import caught
from emu.debug.command import Begun, Command, some_times, text
from emu.debug.desk import Desk, Lines, focused
from emu.debug.resume import Resume, resume
from emu.debug.running import elsewhere
from emu.words.target import code_place


def _run(desk: Desk, ticks: int | None) -> Begun:
    return resume(desk, Resume(ticks=ticks))


def _until(desk: Desk, where: str) -> Begun:
    if caught(where) is None:
        where = code_place(desk.machine, focused(desk), where)
    return resume(desk, Resume(until=where))


def _reset(desk: Desk) -> Lines:
    with elsewhere(desk):
        return travel.begin_again(desk)


RUN: Final = Command(
    "run",
    "Run all CPUs until something stops them, at most TICKS instructions.",
    _run,
    (some_times("ticks"),),
    moves=True,
)
UNTIL: Final = Command(
    "until",
    "Run until any CPU reaches a symbol, a role (`parked`, ...), `file:line` or address, or "
    "until something that `catch` knows happens: `until serial TEXT`.",
    _until,
    (text("where", rest=True),),
    moves=True,
    phrase="Run to",
)
RESET: Final = Command(
    "reset",
    "Begin again from the first instruction, as a branch: what was done before stays, with its "
    "marks, on its own; breakpoints stay.",
    _reset,
)
