"""`run`, `until`, `reset`: all CPUs go on, or begin again."""

from typing import Final

from emu.debug import desk as desks
from emu.debug.command import Begun, Command, some_times, text
from emu.debug.desk import Desk, Lines
from emu.debug.resume import Resume, resume


def _run(desk: Desk, ticks: int | None) -> Begun:
    return resume(desk, Resume(ticks=ticks))


def _until(desk: Desk, where: str) -> Begun:
    return resume(desk, Resume(until=where))


def _reset(desk: Desk) -> Lines:
    desks.reset(desk)
    return ()


RUN: Final = Command(
    "run",
    "Run all CPUs until something stops them, at most TICKS instructions.",
    _run,
    (some_times("ticks"),),
    aliases=("c", "continue"),
    moves=True,
)
UNTIL: Final = Command(
    "until",
    "Run until any CPU reaches a symbol, a role (`parked`, ...), `file:line` or address.",
    _until,
    (text("where"),),
    aliases=("u",),
    moves=True,
    phrase="Run to",
)
RESET: Final = Command(
    "reset", "Start again from the first instruction; breakpoints stay.", _reset
)
