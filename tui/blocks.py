"""Whether a terminal draws block characters: where it may not, letters say the same."""

import codecs
from collections.abc import Mapping
from typing import Final

_LETTERS_ONLY: Final = ("dumb", "linux", "vt100", "vt220", "ansi", "cons25")
"""Terminals (TERM) whose font lacks the lower eighths of a block."""


def draws_blocks(environment: Mapping[str, str], encoding: str | None) -> bool:
    """Whether it does, by its name, the encoding of what is written to it, and whether it has
    colours (https://no-color.org): without them a block's height would be all there is."""
    if environment.get("NO_COLOR") or environment.get("TERM", "dumb") in _LETTERS_ONLY:
        return False
    try:
        return codecs.lookup(encoding or "ascii").name == "utf-8"
    except LookupError:
        return False
