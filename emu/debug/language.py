"""The command language: the same words in keys, prompt, stories, headless runs and Python."""

from typing import Final

from emu.debug.command import Command, Order, order
from emu.debug.commands import COMMANDS
from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.given.plain import shown

BY_WORD: Final[dict[str, Command]] = {command.word: command for command in COMMANDS}
_BY_ANY: Final = BY_WORD | {alias: one for one in COMMANDS for alias in one.aliases}


def command_of(text: str) -> Command | None:
    """The command that a text begins with, by its word or a short one."""
    first = text.split(maxsplit=1)
    return _BY_ANY.get(first[0]) if first else None


def parse(text: str) -> Order:
    """Read one command; raises CommandError with a sentence that names the word."""
    words = text.split()
    if not words:
        raise CommandError("an empty line is no command: try `help`")
    command = _BY_ANY.get(words[0])
    if command is None:
        meant = did_you_mean(words[0], _BY_ANY) or ": `help` lists them"
        raise CommandError(f"{shown(words[0])} is no command{meant}")
    return order(command, words[1:])
