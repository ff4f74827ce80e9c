"""`events`, `exits`: the two logs, narrowed down."""

from typing import Final

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines
from emu.picture import log

EVERY: Final = 1 << 62
"""A headless run looks through the whole log."""


def _events(desk: Desk, text: str) -> Lines:
    desk.looks.log = log.look_of(text.split(), desk.looks.log)
    return log.lines(desk.looks.log_view(desk.machine.board.logs, "log", EVERY))


def _exits(desk: Desk, text: str) -> Lines:
    desk.looks.exits = log.look_of(text.split(), desk.looks.exits)
    return log.lines(desk.looks.log_view(desk.machine.board.logs, "exits", EVERY))


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
