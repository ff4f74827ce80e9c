"""Lines of text in roles: what a panel makes, before any terminal or colour is known."""

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal

from tui.shorten import MORE as MORE
from tui.shorten import shortened

Role = Literal[
    "plain",
    "dim",
    "border",
    "title",
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

TAIL_CELLS_MIN: Final = 12
"""The second of two columns that has less room is shortened together with the first."""
_GAP: Final = re.compile(r"(?<=\S) {2,}(?=\S)")
"""Between columns."""
TAB_CELLS: Final = 4
FOLDED_MIN: Final = 8
FOLDED_IN: Final = 2
"""Cells by which rows of a folded text are moved in."""
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


@lru_cache(maxsize=4096)
def cut(text: str, width: int) -> str:
    """At most `width` cells of the text; `…` stands for what is missing, which is what can be
    spared: no value is cut in two."""
    return shortened((clean(text),), width)[0]


def clip(text: str, width: int) -> str:
    """The first `width` cells of a text whose beginning says most, such as source."""
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


@lru_cache(maxsize=4096)
def fit(styled: Line, width: int) -> Line:
    """The line in `width` cells: its last column, or all of it where that is not enough, is
    without what can be spared."""
    text = plain(styled)
    if len(text) <= width:
        return styled
    if any(role == "source" for _, role in styled):
        return clip_line(styled, width)
    start = _last_column(text, width)
    head, tail = split(styled, start)
    pieces = shortened([piece for piece, _ in tail], width - start)
    return (
        *head,
        *((piece, role) for piece, (_, role) in zip(pieces, tail, strict=True) if piece),
    )


def _last_column(text: str, width: int) -> int:
    """Where what may be shortened begins."""
    gaps = [found.end() for found in _GAP.finditer(text)]
    inside = [gap for gap in gaps if gap < width - 1]
    if not inside or (len(gaps) == 1 and width - gaps[-1] < TAIL_CELLS_MIN):
        return len(text) - len(text.lstrip())
    return inside[-1]


def split(styled: Line, at: int) -> tuple[Line, Line]:
    """The first `at` cells of a line, and the others."""
    head: list[Span] = []
    tail: list[Span] = []
    for text, role in styled:
        if text[: max(at, 0)]:
            head.append((text[:at], role))
        if text[max(at, 0) :]:
            tail.append((text[max(at, 0) :], role))
        at -= len(text)
    return tuple(head), tuple(tail)


def clip_line(styled: Line, width: int) -> Line:
    """The first `width` cells of a line in which every cell has its place."""
    if len(plain(styled)) <= width:
        return styled
    head, _ = split(styled, max(width - 1, 0))
    return (*head, (MORE, styled[-1][1])) if width > 0 else ()


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


def wrapped(styled: Line, width: int, indent: int) -> list[Line]:
    """A line in rows of at most `width` cells, broken between words; those behind the first
    are moved in."""
    before: Line = ((" " * min(indent, max(width, FOLDED_MIN) // 2), "plain"),)
    rows: list[Line] = []
    for first, end in pieces(plain(styled), width, indent):
        row = split(split(styled, end)[0], first)[1]
        rows.append((*before, *row) if rows else row)
    return rows


def pieces(text: str, width: int, indent: int) -> list[tuple[int, int]]:
    """Where the rows of `wrapped` begin and end in a text."""
    width = max(width, FOLDED_MIN)
    found, first, room = [], 0, width
    while len(text) - first > room:
        begun = first + len(text[first:]) - len(text[first:].lstrip())
        at = text.rfind(" ", begun + 1, first + room + 1)
        end = at if at > 0 else first + room
        found.append((first, end))
        first = end + len(text[end:]) - len(text[end:].lstrip())
        room = width - min(indent, width // 2)
    return [*found, (first, len(text))] if first < len(text) else found


def folded(text: str, width: int) -> list[str]:
    """A text in rows of at most `width` cells, those behind the first moved in below the
    beginning of its last column; nothing of it is lost."""
    text, width = clean(text), max(width, FOLDED_MIN)
    if len(text) <= width:
        return [text]
    start = min(_last_column(text, width), width // 2)
    indent = " " * min(start + FOLDED_IN, width // 2)
    at = text.rfind(" ", start + 1, width + 1)
    if at <= start:
        at = width
    rest = text[at:].lstrip()
    return [text[:at].rstrip(), *(indent + row for row in paragraph(rest, width - len(indent)))]


def clock(virtual_ns: int) -> str:
    """Virtual time in the unit a person would say it in, three digits behind the point."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if virtual_ns >= size:
            return f"{virtual_ns / size:.3f} {unit}"
    return f"{virtual_ns} ns"


def address(value: int) -> str:
    """Hex without 0x and leading zeros; from 4 GiB on as two halves, so that an eye can count
    the digits."""
    high, low = divmod(value, 1 << 32)
    return f"{high:x}_{low:08x}" if high else f"{low:x}"


def digits(value: int, cells: int = 8) -> str:
    """An address as a column has it: its last digits below each other."""
    return f"{address(value):>{cells}}"


def file_name(path: str) -> str:
    """`main.c:214` of `shim/main.c:214`: what tells places apart in a narrow column."""
    return path.rpartition("/")[2]


def address_cells(most: int) -> int:
    """How many cells every address up to `most` needs in one column."""
    return 8 if most < 1 << 32 else 17
