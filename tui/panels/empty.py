"""What a panel says that has nothing to show: why, what will come here, and what brings it."""

import re
from typing import Final

from tui.panels.base import Page, Window
from tui.text import Line, Span, line

_TOKEN: Final = re.compile(r"`[^`]*`\S*|\S+")
"""A word; or a key or command between backticks, which stays on one row, and what follows it
without a space."""
_SENTENCE: Final = re.compile(r"(?<=\.) ")
WIDTH_MIN: Final = 8


def teaching(why: str, teaches: str, window: Window, detail: str = "") -> Page:
    """A page of two paragraphs. `teaches`: what comes here and how, its keys and commands
    between backticks; where not all fits, the sentences that have some stay."""
    width = max(window.width, WIDTH_MIN)
    first, whole = _rows(why, width), _rows(teaches, width)
    how = _rows(" ".join(one for one in _SENTENCE.split(teaches) if "`" in one), width)
    ways = ([*first, (), *whole], [*first, *whole], [*first, *how], how)
    rows = next((one for one in ways if len(one) <= window.height), how)
    return Page(tuple(rows[: window.height]), detail)


def _rows(text: str, width: int) -> list[Line]:
    """The words in rows of so many cells; a command that is longer than that is cut."""
    rows: list[list[Span]] = [[]]
    cells = 0
    for token in _TOKEN.findall(text):
        spans = _spans(token)
        size = sum(len(one) for one, _ in spans)
        if rows[-1] and cells + 1 + size > width:
            rows.append([])
            cells = 0
        if rows[-1]:
            rows[-1].append((" ", "dim"))
            cells += 1
        rows[-1] += spans
        cells += size
    return [line(*row) for row in rows]


def _spans(token: str) -> list[Span]:
    if not token.startswith("`"):
        return [(token, "dim")]
    word, _, behind = token[1:].partition("`")
    return [(word, "strong"), (behind, "dim")]
