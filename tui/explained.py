"""What the screen explains itself when somebody asks for a word: its panels and its keys."""

from collections.abc import Iterable
from typing import Protocol

from tui.panels import PANELS


class OneKey(Protocol):
    """What is told of a key: a session in lines has none."""

    @property
    def shown(self) -> str: ...
    @property
    def help(self) -> str: ...


def explained(table: Iterable[OneKey]) -> dict[str, tuple[str, ...]]:
    """By word: the lines that explain a panel, by its name and titles, or a key."""
    found: dict[str, tuple[str, ...]] = {}
    for key in table:
        for word in key.shown.split():
            more = found.get(word, ())
            found[word] = (*more, f"{word}: the key for: {key.help}")
    for panel in PANELS:
        head = f"{panel.title}: a panel; `copy {panel.id}` copies it"
        lines = (head, *(f"  {row}".rstrip() for row in panel.help.split("\n")))
        for word in dict.fromkeys((panel.id, panel.title, panel.tab)):
            found[word] = (*found.get(word, ()), *lines)
    return found
