"""`notices`: what the message line of a screen has said, once more."""

from typing import Final

from emu.debug.command import Command
from emu.debug.desk import Desk, Lines


def _notices(desk: Desk) -> Lines:
    said = tuple(desk.looks.notices)
    return ("what was said, the newest last:", *said) if said else ("nothing was said yet",)


NOTICES: Final = Command(
    "notices",
    "Show again what the message line of the screen has said, the newest last.",
    _notices,
    looks=True,
)
