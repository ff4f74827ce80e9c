"""What somebody may have meant by a word that nobody knows."""

from collections.abc import Iterable
from typing import Final

LIKE_ENOUGH: Final = 0.7
"""Share of letters in common, in their order; below it a guess is noise."""
KNOWN_MAX: Final = 20_000
"""Words that are looked through; a foreign image may have a million symbols."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`: did you mean 'break'?`, or nothing if no word is like it."""
    from difflib import get_close_matches  # only slips of the finger need it

    some = [one for one, _ in zip(known, range(KNOWN_MAX), strict=False)]
    near = get_close_matches(word, some, 1, LIKE_ENOUGH)
    return f": did you mean {near[0]!r}?" if near else ""
