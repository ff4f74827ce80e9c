"""The names the prompt completes and the palette finds."""

import re
from collections.abc import Iterable
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][\w.]*$")


def names(symbols: Iterable[str]) -> tuple[str, ...]:
    """Symbols that one types, sorted: without those that repeat one with its image's name."""
    return tuple(sorted({name for name in symbols if _NAME.match(name)}))
