"""Markdown as the generators write it: tables, code, and text that stays text."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

_BAR: Final = "&#124;"


def code(text: str) -> str:
    """Text as code. A bar would end a cell on one forge and not on another, so it is written as
    HTML."""
    words = " ".join(text.split())
    if "|" in words:
        return f"<code>{html.escape(words, quote=False).replace('|', _BAR)}</code>"
    return f"`` {words} ``" if "`" in words else f"`{words}`"


def plain(text: str) -> str:
    """Text in which nothing but code between backquotes is markup."""
    parts = " ".join(text.split()).split("`")
    parts[1::2] = [code(part) for part in parts[1::2]]
    parts[::2] = [
        re.sub(r"([\\*_<>\[\]])", r"\\\1", part).replace("|", _BAR) for part in parts[::2]
    ]
    return "".join(parts)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
