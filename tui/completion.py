"""`apdbg completion SHELL`: what Tab completes behind `apdbg`, as a script for that shell, made
of the same parsers that read the command line."""

import argparse
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from emu.debug import named
from emu.tour.lessons import LESSONS
from tui.command_line import COMMANDS, DESCRIPTIONS, parser_of
from tui.keymap import PRESETS
from tui.shells import SCRIPTS

SCREEN: Final = "screen"
"""Stands for no command: `apdbg IMAGE`."""
_NAMES: Final[dict[str, str]] = {
    "platform": "platform",
    "image": "image",
    "inject": "injection",
    "script": "script",
}
"""What an option takes -> the kind of names that complete it."""
_NO_FILES: Final = ("N", "MiB", "TEXT", "RULE", "SPEC", "PLACE", "PORT")
"""What stands for a value that is no file."""


class Value(Struct, frozen=True):
    """What may stand at a place: these words, and files if there are none that begin so."""

    words: tuple[str, ...] = ()
    files: bool = False


class Option(Struct, frozen=True):
    """One option of a command."""

    words: tuple[str, ...]
    help: str
    value: Value | None
    """None: it takes none."""


class Syntax(Struct, frozen=True):
    """What a command takes."""

    command: str
    help: str
    options: tuple[Option, ...]
    place: Value
    """What stands behind it without an option's word."""


def syntaxes() -> tuple[Syntax, ...]:
    """Of the screen, and of each command."""
    return tuple(_syntax(command) for command in (SCREEN, *COMMANDS))


def script(shell: str) -> str:
    """The text for a shell."""
    return SCRIPTS[shell](syntaxes())


def _syntax(command: str) -> Syntax:
    actions = parser_of(command)._actions
    options = tuple(_option(one) for one in actions if one.option_strings)
    places = [_value(command, one) for one in actions if not one.option_strings]
    first_sentence = DESCRIPTIONS[command].partition(". ")[0].rstrip(".")
    return Syntax(command, first_sentence, options, places[0] if places else Value())


def _option(action: argparse.Action) -> Option:
    value = None if action.nargs == 0 else _value("", action)
    return Option(tuple(action.option_strings), action.help or "", value)


def _value(command: str, action: argparse.Action) -> Value:
    """What one place takes."""
    if action.choices is not None:
        return Value(tuple(str(one) for one in action.choices))
    words = tuple(_named(command, action.dest))
    return Value(words, files=str(action.metavar) not in _NO_FILES)


def _named(command: str, what: str) -> Iterator[str]:
    if what == "keys":
        yield from PRESETS
    elif what == "schedule":
        yield from ("timed", "random")
    elif what == "file" and command == "replay":
        yield from named.names("recording")
    elif what == "lesson":
        yield from (one.name for one in LESSONS)
    elif kind := _NAMES.get(what, ""):
        yield from named.names(kind)
