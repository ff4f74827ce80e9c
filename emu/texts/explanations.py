"""The explanations: one file for each kind of word and language, one table for each word.

`explain/en/KIND.toml` has a sentence's worth of `kind` (what these words are), and for each
word its `text`, its `source` (section of the specification), `see` (other words) and `also`
(other spellings). `explain/zh/KIND.toml` has `kind` and the same words with `text` alone:
sources and links are told once. A word with more to it than six lines (a panel) has `more` in
both languages: paragraphs, and blocks of indented rows, which stay rows.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from emu.texts.language import Language
from emu.texts.meaning import Meaning

_FOLDER: Final = "explain"
_CHINESE_LINE_END: Final = re.compile(r"(?<=[\u2e80-\uffff])\n(?=[^\n ])")


class Explanation(Struct, frozen=True):
    """What there is to say about one word."""

    word: str
    kind: str
    """The name of its kind: that of its file."""
    kind_words: str
    """What words of this kind are, in the language: "a bit of CR0"."""
    text: str
    """A few sentences."""
    more: str
    """What else there is to it: paragraphs, and rows `  word   meaning`; mostly empty."""
    source: str
    """Where it stands; empty for what is the program's own."""
    see: tuple[str, ...]
    also: tuple[str, ...]


@cache
def kinds() -> tuple[str, ...]:
    """The names of all kinds."""
    folder = files("emu.texts") / _FOLDER / "en"
    return tuple(sorted(one.name.removesuffix(".toml") for one in folder.iterdir()))


@cache
def explanations(kind: str, language: Language) -> Mapping[str, Explanation]:
    """The words of a kind in one language, in the order of its file."""
    told, own = _table("en", kind), _table(language, kind)
    words = own.pop("kind")
    return MappingProxyType({
        word: Explanation(
            word, kind, words, " ".join(own[word]["text"].split()),
            _joined(own[word].get("more", "")), one.get("source", ""),
            tuple(one.get("see", ())), tuple(one.get("also", ())),
        )
        for word, one in told.items()
        if word != "kind"
    })  # fmt: skip


def _joined(text: str) -> str:
    """Paragraphs and rows as they are; lines of one paragraph of Chinese without a gap."""
    return _CHINESE_LINE_END.sub("", text.strip("\n"))


def meaning_of(one: Explanation, live: tuple[str, ...] = ()) -> Meaning:
    """What a text says of a word."""
    return Meaning(one.word, one.kind_words, one.text, one.more, one.source, one.see, live)


@cache
def found(word: str, language: Language) -> tuple[Explanation, ...]:
    """What a word means: of every kind that has it, as people write it."""
    return _by_word(language).get(word.lower(), ())


@cache
def _by_word(language: Language) -> Mapping[str, tuple[Explanation, ...]]:
    table: dict[str, tuple[Explanation, ...]] = {}
    for kind in kinds():
        for one in explanations(kind, language).values():
            for word in dict.fromkeys(word.lower() for word in (one.word, *one.also)):
                table[word] = (*table.get(word, ()), one)
    return MappingProxyType(table)


def _table(language: Language, kind: str) -> dict[str, Any]:
    place = files("emu.texts") / _FOLDER / language / f"{kind}.toml"
    return tomllib.loads(place.read_text("utf-8"))
