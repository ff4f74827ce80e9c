"""What the screen explains itself when somebody asks for a word: its keys."""

from collections.abc import Iterable
from typing import Protocol


class OneKey(Protocol):
    """What is told of a key: a session in lines has none."""

    @property
    def shown(self) -> str: ...
    @property
    def help(self) -> str: ...


def explained(table: Iterable[OneKey]) -> dict[str, tuple[str, ...]]:
    """By word: the lines that explain a key."""
    found: dict[str, tuple[str, ...]] = {}
    for key in table:
        for word in key.shown.split():
            more = found.get(word, ())
            found[word] = (*more, f"{word}: the key for: {key.help}")
    return found
