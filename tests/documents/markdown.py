"""Markdown as the generators write it: tables, code, and text that stays text."""

import re
from collections.abc import Iterable, Sequence


def code(text: str) -> str:
    """Text as code; of a table, too."""
    return f"`{cell(text)}`" if "`" not in text else f"`` {cell(text)} ``"


def cell(text: str) -> str:
    """Text that a table's bars do not end."""
    return " ".join(text.split()).replace("|", "\\|")


def plain(text: str) -> str:
    """Text in which nothing but code between backquotes is markup."""
    parts = cell(text).split("`")
    parts[::2] = [re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
