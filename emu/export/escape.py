"""Text of others in a page: the one place where it becomes HTML, or lines of Markdown."""

from collections.abc import Iterable
from html import escape
from typing import Any, Final

import msgspec

from emu.given.plain import plain

TEXT_MAX: Final = 4_000
"""Characters of one text; what is longer says how much is missing."""
LINE_MAX: Final = 400
"""Characters of a line of Markdown."""


def text(words: str) -> str:
    """Text for a page, in a tag or in quotes: nothing in it is markup or moves a terminal."""
    return escape(_bounded(plain(words), TEXT_MAX))


def whole(words: str) -> str:
    """Text of ours that is copied from the page, however long it is."""
    return escape(plain(words))


def data(value: Any) -> str:
    """A value as JSON that stands in a page as text; strings in it as `text` shows them."""
    return escape(msgspec.json.encode(_plain(value)).decode(), quote=False)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return _bounded(plain(value), TEXT_MAX)
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value


def block(lines: Iterable[str], line_max: int = LINE_MAX) -> list[str]:
    """A code block of Markdown around lines: whatever stands in them, it ends where it is to
    end. A line that is too long is cut and says so."""
    rows = [
        _bounded(plain(row), line_max) for line in lines for row in line.splitlines() or [""]
    ]
    longest = max((_backticks(row) for row in rows), default=0)
    fence = "`" * max(longest + 1, 3)
    return [f"{fence}text", *rows, fence]


def _backticks(row: str) -> int:
    """The longest row of backticks."""
    longest = run = 0
    for character in row:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


def _bounded(words: str, most: int) -> str:
    left = len(words) - most
    return words if left <= 0 else f"{words[:most]} ... and {left:,} characters more"
