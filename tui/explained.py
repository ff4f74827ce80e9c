"""What the screen explains itself when somebody asks for a word: its keys."""

from tui.keys import Key


def explained(table: tuple[Key, ...]) -> dict[str, tuple[str, ...]]:
    """By word: the lines that explain a key."""
    found: dict[str, tuple[str, ...]] = {}
    for key in table:
        for word in key.shown.split():
            more = found.get(word, ())
            found[word] = (*more, f"{word}: the key for: {key.help}")
    return found
