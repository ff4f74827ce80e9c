"""`bt`: who called the code that a CPU executes."""

from typing import Final

from emu.debug.command import Command, some_count
from emu.debug.desk import Desk, Lines, cpu_of
from emu.unwind.frame import words


def _backtrace(desk: Desk, index: int | None) -> Lines:
    found = desk.looks.unwinder(desk.machine).told(cpu_of(desk, index))
    guesses = f"; guesses: {found.guesses}" if found.guesses else ""
    return (*map(words, found.frames), f"cpu {found.cpu}: {found.ending}{guesses}")


BACKTRACE: Final = Command(
    "bt",
    "Show the frames of a CPU's stack, each with what it was found by; guesses have a `?`.",
    _backtrace,
    (some_count("cpu"),),
    looks=True,
)
