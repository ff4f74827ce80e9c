"""The one door to every explanation: what a word means, whatever kind of word it is."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from emu.debug.aliases import SETS, aliases, find
from emu.debug.command import Command
from emu.debug.desk import Desk, Lines, focused
from emu.debug.screen_words import SCREEN_WORDS
from emu.debug.topics import TOPICS
from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.given.plain import shown
from emu.inject import menu
from emu.texts.explanations import explanations, found, kinds, meaning_of
from emu.texts.language import language
from emu.texts.meaning import LABELS, Meaning

_FIRST: Final = (
    "glossary", "term", "state", "step", "fate", "outcome", "mailbox_field", "mailbox_command",
    "register", "rule",
)  # fmt: skip
"""Kinds that are told before others of the same word."""
_LAST: Final = ("role", "milestone", "column", "timeline", "glyph", "panel")
"""And behind them; the longest one last."""
Commands = Mapping[str, Command]
"""The commands by word."""
Meanings = tuple[Meaning, ...]


def meanings(desk: Desk, known: Commands, word: str) -> Meanings:
    """All that a word means: as a command or another word for one, by the texts, and in every
    table that has it; capitals do not matter. Of no word: all that can be explained. Raises
    CommandError with the nearest word of those that can be explained."""
    if not word:
        return everything(desk, known)
    if word.startswith("inject "):
        return (Meaning(word, live=_to_inject(desk, word.partition(" ")[2])),)
    for one in dict.fromkeys((word, word.lower(), _before_offset(word))):
        rows = _meanings(desk, known, one)
        if rows:
            return rows
    near = did_you_mean(word, every_word(desk, known))
    raise CommandError(f"help: no explanation of {shown(word)}{near or ': `help` has a list'}")


def _to_inject(desk: Desk, kind: str) -> Lines:
    """How a kind of injection is written, also one that only another platform has."""
    here = menu.menu(desk.machine, focused(desk)).kind(kind)
    if here is not None:
        return menu.kind_lines(here)
    other = menu.elsewhere(desk.machine, kind)
    if other is None:
        raise CommandError(f"help inject: there is no {kind!r} to inject")
    return other


def _before_offset(word: str) -> str:
    """`main` of `main+0x10`."""
    return word.partition("+0x")[0]


def _meanings(desk: Desk, known: Commands, word: str) -> Meanings:
    own = (*_command(desk, known, word), *_alias(desk, known, word), *_elsewhere(desk, word))
    texts = sorted(found(word, language()), key=lambda one: _rank(one.kind))
    told = {one.kind for one in texts}
    bare = (
        Meaning(word, live=lines)
        for topic in TOPICS
        if not told.intersection(topic.kinds) and (lines := topic.lines(desk, word))
    )
    return (*own, *(meaning_of(one, _live(desk, one.kind, one.word)) for one in texts), *bare)


def _rank(kind: str) -> int:
    if kind in _FIRST:
        return _FIRST.index(kind) - len(_FIRST)
    return _LAST.index(kind) + 1 if kind in _LAST else 0


def _live(desk: Desk, kind: str, word: str) -> Lines:
    """How it is with a word of the texts here and now."""
    topics = (topic for topic in TOPICS if kind in topic.kinds)
    return tuple(line for topic in topics for line in topic.lines(desk, word))


def everything(desk: Desk, known: Commands) -> Meanings:
    """All that can be explained, a group for each kind of word."""
    labels = LABELS[language()]
    groups = {labels.commands: tuple(known), labels.of_screen: tuple(SCREEN_WORDS)}
    for kind in sorted(kinds(), key=_rank):
        table = explanations(kind, language())
        words = next(iter(table.values())).kind_words
        groups[words] = (*groups.get(words, ()), *table)
    groups[labels.key] = tuple(desk.looks.explained)
    return tuple(Meaning(name, " ", see=words) for name, words in groups.items() if words)


def every_word(desk: Desk, known: Commands) -> Iterator[str]:
    """All that can be explained, what is typed most often first."""
    topics = (topic.words(desk) for topic in TOPICS)
    texts = (explanations(kind, language()) for kind in kinds())
    return chain(known, SCREEN_WORDS, aliases(desk.looks.words), *topics, *texts)


def _command(desk: Desk, known: Commands, word: str) -> Meanings:
    labels = LABELS[language()]
    if word in SCREEN_WORDS:
        one = SCREEN_WORDS[word]
        return (Meaning(one.usage, labels.of_screen, one.help),)
    command = known.get(word)
    if command is None:
        return ()
    short = [one.word for one in aliases(desk.looks.words).values() if one.ours == word]
    also = (f"also: {', '.join(short)}",) if short else ()
    more = menu.help_lines(menu.menu(desk.machine, focused(desk))) if word == "inject" else ()
    words = (
        f"{slot.name}: {', '.join(slot.choices)}" for slot in command.slots if slot.choices
    )
    live = (*also, *words, *more)
    return (Meaning(command.usage, labels.command, command.help, live=live, usage=True),)


def _alias(desk: Desk, known: Commands, word: str) -> Meanings:
    """What an alias stands for, and the help of that."""
    one = find(word, desk.looks.words)
    if one is None or word in known:
        return ()
    alias = one[0]
    meant = alias.ours.split()[0].rstrip(",")
    return (Meaning(word, live=(alias.told,)), *_command(desk, known, meant))


def _elsewhere(desk: Desk, word: str) -> Meanings:
    """What a word means in the sets that are not in force."""
    rows = tuple(
        f"with --keys {name}: {one.told}"
        for name, table in SETS.items()
        if name != desk.looks.words
        for one in table
        if one.word == word
    )
    return (Meaning(word, live=rows),) if rows else ()
