"""A page of help: meanings as rows of a width, and the words in them that lead on."""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from emu.texts.language import language
from emu.texts.meaning import LABELS, Labels, Meaning
from emu.texts.wrapping import cells, wrapped
from tui.text import Line, Role, Span, clean

_KEY_CELLS: Final = 11
_LABEL_CELLS: Final = 10
_MARGIN: Final = "  "
_WORD_AND_MEANING: Final = re.compile(r"(  \S.*?  +)(\S.*)")


class Link(Struct, frozen=True):
    """A word of the page that leads to its own explanation."""

    row: int
    start: int
    """In cells."""
    end: int
    word: str


class Content(Struct, frozen=True):
    """What a page tells, before its width is known."""

    title: str
    told: tuple[Meaning, ...]
    row: tuple[tuple[str, str], ...] = ()
    """(as it stands there, as it is explained) of each word of a row that is pointed at; they
    follow the first meaning, which is one of them."""
    elsewhere: tuple[tuple[str, str], ...] = ()
    """Links to what lies around a panel."""
    keys: tuple[tuple[str, str], ...] = ()
    """Each as people read it, and what it does."""


class Leaf(Struct):
    """The rows of a page, and its links in the order of reading."""

    width: int
    rows: list[Line] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def text(self, words: str, role: Role = "plain", margin: str = "") -> None:
        """A paragraph; what stands between backticks is typed, and looks so."""
        for row in wrapped(words, self.width - cells(margin)):
            self.rows.append(_spans(margin + row, role))

    def labelled(self, label: str, words: str, role: Role) -> None:
        """A label and a text behind it, its rows below each other."""
        left = max(cells(label) + 2, _LABEL_CELLS)
        for place, row in enumerate(wrapped(words, self.width - left)):
            head = label + " " * (left - cells(label)) if place == 0 else " " * left
            self.rows.append(((head, "dim"), (row, role)))

    def link(self, label: str, words: Iterable[tuple[str, str]]) -> None:
        """A label and behind it words that lead on, in as many rows as they need."""
        left = max(cells(label) + 2, _LABEL_CELLS) if label else len(_MARGIN)
        spans, at = [(label + " " * (left - cells(label)), "dim")], left
        for shown, word in words:
            gap = 2 if at > left else 0
            if at + gap + cells(shown) > self.width and at > left:
                self.rows.append(tuple(spans))  # type: ignore[arg-type]
                spans, at, gap = [(" " * left, "dim")], left, 0
            self.links.append(Link(len(self.rows), at + gap, at + gap + cells(shown), word))
            spans += [(" " * gap, "plain"), (shown, "here")]
            at += gap + cells(shown)
        self.rows.append(tuple(span for span in spans if span[0]))  # type: ignore[misc]

    def gap(self) -> None:
        """An empty row, but at the top."""
        if self.rows:
            self.rows.append(())


def _spans(row: str, role: Role) -> Line:
    parts = row.split("`")
    spans: list[Span] = [
        (part, "name" if odd % 2 and len(parts) % 2 else role) for odd, part in enumerate(parts)
    ]
    return tuple(span for span in spans if span[0])


def leaf(content: Content, width: int) -> Leaf:
    """The page in so many cells."""
    page, labels = Leaf(max(width, 16)), LABELS[language()]
    for place, one in enumerate(content.told):
        page.gap()
        _meaning(page, one, labels)
        if place == 0 and content.row:
            page.link(labels.here, content.row)
    if content.elsewhere:
        page.gap()
        page.link(labels.more, content.elsewhere)
    if content.keys:
        page.gap()
        page.rows.append(((labels.keys, "strong"),))
    for shown, does in content.keys:
        _key(page, shown, does)
    return page


def _meaning(page: Leaf, one: Meaning, labels: Labels) -> None:
    if one.kind:
        kind = wrapped(one.kind, page.width) if one.kind.strip() else [""]
        head = clean(one.word) if one.word.isascii() else one.word
        if cells(head) + 2 + cells(kind[0]) <= page.width:
            page.rows.append(((head, "strong"), ("  " + kind[0], "dim")))
        else:
            page.rows += [((head, "strong"),), ((kind[0], "dim"),)]
    if one.text:
        page.text(one.text)
    for row in one.live:
        page.text(clean(row.strip()), "plain", "| " if one.kind else "")
    if one.source:
        page.labelled(labels.source, one.source, "dim")
    if one.see:
        page.link(labels.see if one.kind.strip() else "", ((word, word) for word in one.see))
    _more(page, one.more)


def _more(page: Leaf, text: str) -> None:
    """Paragraphs wrapped to the width; in a block of indented lines each stays a line."""
    for block in text.split("\n\n") if text else ():
        page.gap()
        if block.startswith("  "):
            for row in block.split("\n"):
                _hanging(page, row)
        else:
            page.text(block)


def _hanging(page: Leaf, row: str) -> None:
    """`  word    meaning`, the meaning wrapped below itself."""
    found = _WORD_AND_MEANING.match(row)
    if found is None:
        page.rows.append(((row, "plain"),))
        return
    head, meaning = found.groups()
    if cells(row) <= page.width:
        page.rows.append(((head, "name"), (meaning, "plain")))
        return
    first, *more = wrapped(meaning, max(page.width - cells(head), 8))
    page.rows.append(((head, "name"), (first, "plain")))
    page.rows += [((" " * cells(head) + part, "plain"),) for part in more]


def _key(page: Leaf, shown: str, does: str) -> None:
    first, *more = wrapped(does, page.width - _KEY_CELLS - 2)
    page.rows.append(((shown.ljust(_KEY_CELLS) + "  ", "here"), (first, "plain")))
    page.rows += [((" " * (_KEY_CELLS + 2) + row, "plain"),) for row in more]
