"""`cpu`, `cpus`: which CPU is in focus, and how all of them are."""

from typing import Final

from emu.debug.command import Command, count, some_text
from emu.debug.desk import Desk, Lines, cpu_of
from emu.debug.running import remember
from emu.picture import cpus
from emu.picture.cpu_row import cpu_view


def _select(desk: Desk, cpu: int) -> Lines:
    desk.focus = cpu_of(desk, cpu).id
    remember(desk)
    return ()


def _list(desk: Desk, text: str) -> Lines:
    desk.looks.cpus = text
    rows = (cpu_view(desk.machine, cpu) for cpu in desk.machine.board.cpus)
    return cpus.lines([row for row in rows if cpus.keeps(row, text)])


CPU: Final = Command(
    "cpu",
    "Put a CPU in focus.",
    _select,
    (count("cpu"),),
    looks=True,
)
CPUS: Final = Command(
    "cpus",
    "Show the CPUs: `cpus [WORDS]` keeps those of a state, a symbol, or numbers `3-7`.",
    _list,
    (some_text("text", rest=True),),
    looks=True,
)
