"""The command language: the same words in keys, prompt, stories, headless runs and Python."""

from typing import Final

from emu.debug.aliases import DEFAULT, aliases, find
from emu.debug.command import Command, Order, order
from emu.debug.commands import COMMANDS
from emu.debug.screen_words import SCREEN_WORDS
from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.given.plain import shown

BY_WORD: Final[dict[str, Command]] = {command.word: command for command in COMMANDS}


def ours(text: str, words: str = DEFAULT) -> str:
    """A line as it was typed, in our own words: `words` is the set that aliases are of. A colon
    in front is a prompt's; `?WORD` and `WORD?` ask for help. Raises CommandError."""
    text = text.strip().removeprefix(":").strip()
    typed = text.split()
    found = find(typed[0], words) if text not in ("", "?") else None
    if found is not None and not (found[1][-1:] == "?" and len(typed) == 1):
        alias, left = found
        text = alias.written_out([left, *typed[1:]] if left else typed[1:])
    if text[:1] == "?":
        return f"help {text[1:].strip()}".strip()
    if text[-1:] == "?":
        return f"help {text[:-1].strip()}"
    return text


def command_of(text: str, words: str = DEFAULT) -> Command | None:
    """The command that a text begins with, by its word or another one for it."""
    try:
        typed = ours(text, words).split(maxsplit=1)
    except CommandError:
        return None
    return BY_WORD.get(typed[0]) if typed else None


def parse(text: str, words: str = DEFAULT) -> Order:
    """Read one command; raises CommandError with a sentence that names the word."""
    meant = ours(text, words).split()
    if not meant:
        raise CommandError("an empty line is no command: try `help`")
    command = BY_WORD.get(meant[0])
    if command is not None:
        return order(command, meant[1:])
    if meant[0] in SCREEN_WORDS:
        raise CommandError(f"{meant[0]}: is a word of the screen, and here is none")
    raise CommandError(_unknown(text, meant[0], words))


def _unknown(text: str, word: str, words: str) -> str:
    """What to say of a word that nothing knows, or of an alias of what there is not."""
    known = (*BY_WORD, *SCREEN_WORDS, *aliases(words))
    near = did_you_mean(word, known) or ": `help` lists them"
    typed = text.split()[0]
    alias = "" if typed == word else f"{shown(typed)} stands for {word}, but "
    return f"{alias}{shown(word)} is no command{near}"
