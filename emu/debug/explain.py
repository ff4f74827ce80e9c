"""The one door to every explanation: what a word means, whatever kind of word it is."""

from collections.abc import Iterator, Mapping
from itertools import chain

from emu.debug.aliases import SETS, aliases, find
from emu.debug.command import Command
from emu.debug.desk import Desk, Lines, focused
from emu.debug.screen_words import SCREEN_WORDS
from emu.debug.topics import TOPICS
from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.given.plain import shown
from emu.inject import menu

Commands = Mapping[str, Command]
"""The commands by word."""


def explain(desk: Desk, known: Commands, word: str) -> Lines:
    """All that a word means: as a command or another word for one, and in every table that has
    it. Raises CommandError with the nearest word of those that can be explained."""
    for one in dict.fromkeys((word, word.lower())):
        rows = _told(desk, known, one)
        if rows:
            return rows
    near = did_you_mean(word, every_word(desk, known))
    raise CommandError(f"help: no explanation of {shown(word)}{near or ': `help` has a list'}")


def _told(desk: Desk, known: Commands, word: str) -> Lines:
    own = (*_command(desk, known, word), *_alias(desk, known, word), *_elsewhere(desk, word))
    return (*own, *(line for topic in TOPICS for line in topic.lines(desk, word)))


def every_word(desk: Desk, known: Commands) -> Iterator[str]:
    """All that can be explained, what is typed most often first."""
    topics = (topic.words(desk) for topic in TOPICS)
    return chain(known, SCREEN_WORDS, aliases(desk.looks.words), *topics)


def _command(desk: Desk, known: Commands, word: str) -> Lines:
    if word in SCREEN_WORDS:
        one = SCREEN_WORDS[word]
        return one.usage, f"{one.help} A word of the screen."
    command = known.get(word)
    if command is None:
        return ()
    short = [one.word for one in aliases(desk.looks.words).values() if one.ours == word]
    also = (f"also: {', '.join(short)}",) if short else ()
    more = menu.help_lines(menu.menu(desk.machine, focused(desk))) if word == "inject" else ()
    words = (
        f"  {slot.name}: {', '.join(slot.choices)}" for slot in command.slots if slot.choices
    )
    return (command.usage, command.help, *also, *words, *more)


def _alias(desk: Desk, known: Commands, word: str) -> Lines:
    """What an alias stands for, and the help of that."""
    found = find(word, desk.looks.words)
    if found is None or word in known:
        return ()
    alias = found[0]
    meant = known.get(alias.ours.split()[0].rstrip(","))
    screen = SCREEN_WORDS.get(alias.ours)
    help_of = () if meant is None else (meant.usage, meant.help)
    if screen is not None:
        help_of = screen.usage, f"{screen.help} A word of the screen."
    return (alias.told, *help_of)


def _elsewhere(desk: Desk, word: str) -> Lines:
    """What a word means in the sets that are not in force."""
    return tuple(
        f"with --keys {name}: {one.told}"
        for name, table in SETS.items()
        if name != desk.looks.words
        for one in table
        if one.word == word
    )
