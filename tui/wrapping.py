"""Texts of ours in rows of a terminal, whose characters may take two cells."""

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len

_NEVER_FIRST: Final = frozenset(
    "\u3001\u3002\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff1a\uff1b\uff1f\u2026,.;:!?)]}"
)
"""Punctuation that does not begin a row (W3C, Requirements for Chinese Text Layout, 3.1.3)."""
_NEVER_LAST: Final = frozenset("\uff08\u300a\u300c\u300e\u3010([{")


def wrapped(text: str, width: int) -> list[str]:
    """A text in rows of at most `width` cells. It breaks at blanks, and before or after any
    character of two cells; what is longer than a row is broken where the row ends."""
    rows, row = [], ""
    for piece in _pieces(text):
        if cell_len(row) + cell_len(piece.rstrip()) > width and row.strip():
            rows.append(row.rstrip())
            row = ""
        row += piece if row else piece.lstrip()
        while cell_len(row.rstrip()) > width:
            head = _head(row, width)
            rows.append(head)
            row = row[len(head) :]
    return [*rows, row.rstrip()] if row.strip() or not rows else rows


def _pieces(text: str) -> Iterator[str]:
    """What is never broken: words with the blank behind them, wide characters one by one with
    the punctuation that they keep."""
    piece = ""
    for character in " ".join(text.split()):
        ends = piece[-1:] == " " or (
            (cell_len(character) == 2 or cell_len(piece[-1:]) == 2)
            and character not in _NEVER_FIRST
            and piece[-1:] not in _NEVER_LAST
            and character != " "
        )
        if piece and ends:
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _head(text: str, width: int) -> str:
    """As many characters as fit."""
    cells = 0
    for at, character in enumerate(text):
        cells += cell_len(character)
        if cells > width:
            return text[: max(at, 1)]
    return text
