"""A text that is too long for its place loses what can be spared: names lose their middle,
words go, and a value stands there whole or not at all.

A text comes in pieces (of several roles); what is left of each comes back.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

MORE: Final = "…"
"""Stands for what is missing; one cell wide."""
NAME_CELLS_MIN: Final = 6
"""A name is not made shorter than that: with less of it nobody knows it."""
_PLACE_CELLS_MIN: Final = 3
"""Of what is compared with a value so much is left at the least: `c…d == 1`."""
WORTH_CELLS: Final = 4
"""A shorter word (and its space) goes only with others: `…` itself takes two cells."""
_LOOKED_AT: Final = 4
"""Times the room: what lies further back would go in any case."""
_OPERATORS: Final = ("==", "!=", "<", ">", "<=", ">=", "=", "&", "->")
_HEX: Final = r"(?:[0-9a-f]{8}|[0-9a-f_]*\d[0-9a-f_]*)\b"
"""An address as panels write it, without 0x."""
_LONG_NAME: Final = re.compile(
    rf"(?<!\w)(?!{_HEX})(?=[A-Za-z]*[_$?./@:\d]+\w)[A-Za-z_$?](?:[\w$?./@-]|::|:(?!\d)){{6,}}"
)
"""A symbol or a file; a word of nothing but letters is taken for a spoken one."""
_NUMBER: Final = re.compile(r"[(\[]?(0x)?\d")
_HALF_A_VALUE: Final = re.compile(r"(?<![A-Za-z_])\d[\w,.]*$")
_ONE_WORD: Final = re.compile(r"\w\w")
_SPOKEN: Final = re.compile(r"[(\[]?[A-Za-z'-]+[)\].,;:]*")
"""A word of a language, which a reader can do without."""
_NEGATIONS: Final = ("no", "not", "never", "without")
"""Words without which the rest says the contrary."""


class _Word(NamedTuple):
    """A word with the spaces before it; its tag is the number of its piece."""

    text: str
    tag: int
    compared: bool = False
    """Whether it says nothing without the next one: `command` and `==` of `command == 1`."""
    counts: bool = False
    """Whether the next one says little without it: `break` of `break 1`."""
    leads: bool = False
    """Whether the next one is an address."""
    goes_on: bool = False
    """Whether it is read with the one before, of another role, as one word."""

    @property
    def spoken(self) -> bool:
        return (
            not (self.compared or self.counts or self.goes_on)
            and _SPOKEN.fullmatch(self.text.strip()) is not None
        )


_Words = list[_Word]


def shortened(pieces: Sequence[str], room: int) -> list[str]:
    """The pieces of a text, together at most `room` cells wide."""
    if sum(map(len, pieces)) <= room:
        return list(pieces)
    found = _found(_words(pieces, room), room) if room > 0 else []
    return [
        "".join(word.text for word in found if word.tag == tag) for tag in range(len(pieces))
    ]


def _words(pieces: Sequence[str], room: int) -> _Words:
    found: _Words = []
    cells = 0
    for tag, piece in enumerate(pieces):
        for match in re.finditer(r"\s*\S+|\s+$", piece):
            text = match[0]
            if cells > _LOOKED_AT * room:
                return [*found, _Word(f" {MORE}", tag)]
            cells += len(text)
            operator = text.strip() in _OPERATORS
            if found and (number := _NUMBER.match(text.strip())):
                address = number[1] is not None
                found[-1] = found[-1]._replace(counts=not address, leads=address)
                if len(found) > 1 and found[-2].text.strip() in _NEGATIONS:
                    found[-2] = found[-2]._replace(compared=True)
            goes_on = (
                bool(found) and _ONE_WORD.fullmatch(found[-1].text[-1] + text[0]) is not None
            )
            if goes_on or (operator and found and not any(map(str.isdigit, found[-1].text))):
                found[-1] = found[-1]._replace(compared=True)
            found.append(_Word(text, tag, operator, goes_on=goes_on))
    return found


def _found(words: _Words, room: int) -> _Words:
    """The first way to shorten that is enough."""
    for kept in _fewer(words):
        for way in _WAYS:
            shorter = way(kept, room)
            if shorter is not None:
                return shorter
    first = _HALF_A_VALUE.sub("", words[0].text[: room - 1])
    return [_Word(first + MORE, words[0].tag)]


def _fewer(words: _Words) -> Iterator[_Words]:
    """All words; then fewer and fewer, none of them left without what it is compared with."""
    yield words
    for end in range(len(words) - 1, 0, -1):
        if not words[end - 1].compared:
            yield [*words[:end], _Word(f" {MORE}", words[end].tag)]


def _over(words: _Words, room: int) -> int:
    return sum(len(word.text) for word in words) - room


def _end_cut(words: _Words, room: int) -> _Words | None:
    """Spoken words at the end go, the first of them that does not fit at some letter."""
    if _over(words, room) <= 0:
        return words
    more = words[-1].text.strip() == MORE
    body = words[:-1] if more else words
    end = len(body)
    while end > 1 and body[end - 1].spoken:
        end -= 1
    left = -_over(body[:end], room)
    rest = "".join(word.text for word in body[end:])
    if left < 2 or not rest:
        return None
    return [*body[:end], _Word((rest[: left - 1].rstrip() or " ") + MORE, body[end].tag)]


def _names_cut(words: _Words, room: int) -> _Words | None:
    """Long names lose as much of their middle as it takes, the longest first."""
    names = {
        index: match
        for index, word in enumerate(words)
        if (match := _LONG_NAME.search(word.text))
    }
    cells = {index: len(match[0]) for index, match in names.items()}
    for _ in range(_over(words, room)):
        longest = max(cells, key=lambda index: cells[index], default=None)
        if longest is None or cells[longest] <= NAME_CELLS_MIN:
            return None
        cells[longest] -= 1
    found = list(words)
    for index, match in names.items():
        if cells[index] < len(match[0]):
            word = words[index]
            text = word.text[: match.start()] + middle(match[0], cells[index])
            found[index] = word._replace(text=text + word.text[match.end() :])
    return found


def middle(text: str, room: int) -> str:
    """A text without its middle."""
    if len(text) <= room:
        return text
    tail = (room - 1) // 2
    return text[: max(room - 1 - tail, 0)] + MORE + text[len(text) - tail :] if room > 0 else ""


def _words_dropped(words: _Words, room: int) -> _Words | None:
    """Spoken words go, the last ones first, those before an address last; names are cut."""
    gone: set[int] = set()
    order = sorted(range(len(words)), key=lambda index: (words[index].leads, -index))
    for index in order:
        if words[index].spoken:
            gone.add(index)
            if len(words[index].text) < WORTH_CELLS:
                continue
            found = _names_cut(_without(words, gone), room)
            if found is not None:
                return found
    return None


def _without(words: _Words, gone: set[int]) -> _Words:
    found: _Words = []
    for index, word in enumerate(words):
        if index in gone or word.text.strip() == MORE:
            if not found or found[-1].text.strip() != MORE:
                found.append(_Word(f" {MORE}" if found else MORE, word.tag))
        else:
            found.append(word)
    return found


def _compared_cut(words: _Words, room: int) -> _Words | None:
    """The one place that is compared loses its middle, or an address its first digits, so that
    the value that it is compared with stays."""
    texts = [word.text.strip() for word in words]
    places = [at for at, text in enumerate(texts[1:]) if text in _OPERATORS]
    over = _over(words, room)
    if len(places) != 1 or over <= 0:
        return None
    at, text = places[0], texts[places[0]]
    if text[:1] != "[" and _NUMBER.match(text):
        return None
    name, plus, offset = text.partition("+")
    if text[:1] == "[":
        shorter = _last_digits(text, len(text) - over)
    else:
        shorter = middle(name, max(len(name) - over, _PLACE_CELLS_MIN)) + plus + offset
    found = list(words)
    found[at] = words[at]._replace(text=words[at].text.replace(text, shorter))
    return found if _over(found, room) <= 0 else None


def _last_digits(text: str, room: int) -> str:
    """An address in brackets without its first digits."""
    digits = text.removeprefix("[0x").removesuffix("]")
    left = room - len("[]") - len(MORE)
    return f"[{MORE}{digits[-left:]}]" if text[-1] == "]" and left > 1 else text


_WAYS: Final[tuple[Callable[[_Words, int], _Words | None], ...]] = (
    _end_cut, _names_cut, _words_dropped, _compared_cut,
)  # fmt: skip
"""From what a reader misses least on."""
