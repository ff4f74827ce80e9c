"""`events`, `exits`, `log`: what happened, what left the guest, what it logged itself."""

from typing import Final

from msgspec.structs import replace

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.errors import CommandError
from emu.picture import log
from emu.picture.log_views import LOGGED

EVERY: Final = 1 << 62
"""A headless run looks through the whole log."""


def _events(desk: Desk, text: str) -> Lines:
    desk.looks.log = log.look_of(text.split(), desk.looks.log)
    return log.lines(desk.looks.log_view(desk.machine.board.logs, "log", EVERY))


def _exits(desk: Desk, text: str) -> Lines:
    desk.looks.exits = log.look_of(text.split(), desk.looks.exits)
    return log.lines(desk.looks.log_view(desk.machine.board.logs, "exits", EVERY))


def _log(desk: Desk, text: str) -> Lines:
    words = text.split()
    if words[:1] == ["unfold"]:
        raise CommandError("log: takes [cpu N] [TEXT]")
    looks = desk.looks
    looks.logged = replace(log.look_of(words, looks.logged), kinds=LOGGED.kinds)
    view = looks.log_view(desk.machine.board.logs, "logged", EVERY)
    many = "line" if view.kept == 1 else "lines"
    return (*log.lines(view)[:-1], f"{view.kept:,} {many} of the guest's own log")


EVENTS: Final = Command(
    "events",
    "Show the log: `events [cpu N] [KIND] [TEXT]`; kinds are mailbox, milestone, fault, ... "
    "Equal events in a row are one row: `events unfold [TICK]` opens and closes it.",
    _events,
    (some_text("text", "cpu", "unfold", *log.KINDS, rest=True),),
    looks=True,
)
EXITS: Final = Command(
    "exits",
    "Show what left the guest for the VMM: `exits [cpu N] [TEXT]`; a line of text on its way "
    "to a serial port is one row: `exits unfold [TICK]`.",
    _exits,
    (some_text("text", "cpu", "unfold", rest=True),),
    looks=True,
)
LOG: Final = Command(
    "log",
    "Show what the guest has logged in its own memory, a line each, with the CPU and the tick "
    "at which it was finished: `log [cpu N] [TEXT]`.",
    _log,
    (some_text("text", "cpu", rest=True),),
    looks=True,
)
