"""What can be named at a prompt, as values: a front end completes words with them."""

from msgspec import Struct


class Named(Struct, frozen=True):
    """A word, and what it is."""

    word: str
    what: str


def named(words: dict[str, str]) -> tuple[Named, ...]:
    """Words with what they are."""
    return tuple(Named(word, what) for word, what in words.items())
