"""Lines of text in roles: what a panel makes, before any terminal or colour is known."""

import unicodedata
from functools import lru_cache
from typing import Final, Literal

Role = Literal[
    "plain",
    "dim",
    "strong",
    "changed",
    "name",
    "number",
    "source",
    "good",
    "busy",
    "warn",
    "bad",
    "here",
]
"""What a piece of text is; `tui/theme.py` gives each role its colour and weight."""
Span = tuple[str, Role]
Line = tuple[Span, ...]

MORE: Final = "…"
"""Ends a text that did not fit; one cell wide."""
TAB_CELLS: Final = 4
_WIDE: Final = ("W", "F")
_HIDDEN: Final = ("Mn", "Me", "Cf")


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """The text with one cell for every character: what a guest wrote cannot move the screen."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_cell(character) for character in text.expandtabs(TAB_CELLS))


def _cell(character: str) -> str:
    wide = unicodedata.east_asian_width(character) in _WIDE
    hidden = unicodedata.category(character) in _HIDDEN
    return "?" if wide or hidden or not character.isprintable() else character


def cut(text: str, width: int) -> str:
    """At most `width` cells of the text; `…` stands for what is missing."""
    text = clean(text)
    if len(text) <= width:
        return text
    return "" if width <= 0 else text[: width - 1] + MORE


def pad(text: str, width: int) -> str:
    """Exactly `width` cells, on the left."""
    return cut(text, width).ljust(max(width, 0))


def right(text: str, width: int) -> str:
    """Exactly `width` cells, on the right."""
    return cut(text, width).rjust(max(width, 0))


def line(*parts: Span | str) -> Line:
    """A line of spans; a bare text is plain. Empty ones vanish."""
    spans = ((part, "plain") if isinstance(part, str) else part for part in parts)
    return tuple((clean(text), role) for text, role in spans if text)  # type: ignore[misc]


def plain(styled: Line) -> str:
    """The characters of a line without their roles."""
    return "".join(text for text, _ in styled)


def fit(styled: Line, width: int) -> Line:
    """The line cut to `width` cells; `…` stands for what is missing."""
    if sum(len(text) for text, _ in styled) <= width:
        return styled
    found: list[Span] = []
    left = width
    for text, role in styled:
        if len(text) >= left:
            piece = text[: left - 1] + MORE if left > 0 else ""
            return (*found, (piece, role)) if piece else tuple(found)
        found.append((text, role))
        left -= len(text)
    return tuple(found)


def paragraph(text: str, width: int) -> list[str]:
    """The words of a text in lines of at most `width` cells; longer words are broken."""
    rows = [""]
    for word in map(clean, text.split()):
        while len(word) > width:
            rows.append(word[:width])
            word = word[width:]
        room = width - len(rows[-1]) - (1 if rows[-1] else 0)
        if len(word) <= room:
            rows[-1] = f"{rows[-1]} {word}".strip()
        else:
            rows.append(word)
    return [row for row in rows if row] or [""]


def clock(virtual_ns: int) -> str:
    """Virtual time in the unit a person would say it in, three digits behind the point."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if virtual_ns >= size:
            return f"{virtual_ns / size:.3f} {unit}"
    return f"{virtual_ns} ns"


def halves(value: int) -> str:
    """64 bits in hex as two halves, so that an eye can count the digits."""
    return f"{value >> 32:08x}_{value & 0xFFFFFFFF:08x}"


def address(value: int) -> str:
    """Hex without 0x: 8 digits, or two halves where they are not enough."""
    return f"{value:08x}" if value < 1 << 32 else halves(value)


def file_name(path: str) -> str:
    """`main.c:214` of `shim/main.c:214`: what tells places apart in a narrow column."""
    return path.rpartition("/")[2]


def address_cells(most: int) -> int:
    """How many cells every address up to `most` needs in one column."""
    return 8 if most < 1 << 32 else 17
