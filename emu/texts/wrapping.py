"""Texts of both languages in rows of a terminal, where a Chinese character takes two cells."""

import re
from typing import Final
from unicodedata import category, east_asian_width

_WIDE: Final = ("W", "F")
_PIECES: Final = re.compile(r"\s+|[\u0021-\u2e7f]+|.")
"""What stays together: words of an alphabet; each character of Chinese stands alone."""
_NOT_FIRST: Final = ("Po", "Pe", "Pf")
"""Categories of signs that begin no row of Chinese: they hang on to what they follow."""
_NOT_LAST: Final = ("Ps", "Pi")
"""And of those that end none (W3C, Requirements for Chinese Text Layout, 3.1.3)."""


def cells(text: str) -> int:
    """The width of a text on a terminal."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(one) in _WIDE else 1 for one in text)


def wrapped(text: str, width: int) -> list[str]:
    """The text in rows of at most `width` cells (8 or more); longer words are broken."""
    rows, width = [""], max(width, 8)
    for piece in _pieces(" ".join(text.split())):
        if cells(rows[-1]) + cells(piece.rstrip()) > width:
            rows[-1] = rows[-1].rstrip()
            rows.append("")
            piece = piece.lstrip()
        while cells(piece.rstrip()) > width:
            rows[-1], piece = piece[:width], piece[width:]
            rows.append("")
        rows[-1] += piece
    return [row.rstrip() for row in rows if row.strip()] or [""]


def _pieces(text: str) -> list[str]:
    """What a row can be broken between."""
    found: list[str] = []
    for piece in _PIECES.findall(text):
        hangs = not piece.isascii() and category(piece[0]) in _NOT_FIRST
        last = found[-1][-1] if found else " "
        if found and (hangs or (not last.isascii() and category(last) in _NOT_LAST)):
            found[-1] += piece
        else:
            found.append(piece)
    return found
