"""The explanations: complete in both languages, short, with a source; every link leads on."""

import tomllib
from pathlib import Path

import pytest

from emu.texts.explanations import explanations, found, kinds
from emu.texts.language import LANGUAGES, language
from tests.house.tree import ROOT

LINES_MAX = 6
LINE_CELLS = 84
"""Of a box of help at 88 columns."""
OWN = frozenset((
    "column", "entry", "event", "fate", "glyph", "injection", "milestone", "outcome", "panel",
    "phase", "role", "space", "state", "status_line", "step", "term", "timeline",
))  # fmt: skip
"""Kinds that are the program's own: not all of their words stand in a specification."""


def path(tongue: str, kind: str) -> Path:
    """The file of a kind."""
    return ROOT / "emu/texts/explain" / tongue / f"{kind}.toml"


def cells(text: str) -> int:
    """The width on a terminal: a character of Chinese takes two."""
    return sum(2 if character > "\u2e80" else 1 for character in text)


@pytest.mark.parametrize("kind", kinds())
def test_both_languages_have_the_same_words(kind: str) -> None:
    english, chinese = (
        tomllib.loads(path(tongue, kind).read_text("utf-8")) for tongue in LANGUAGES
    )
    assert list(english) == list(chinese)
    for word in set(english) - {"kind"}:
        assert set(chinese[word]) == {"text", "more"} & set(english[word]), word
    assert any(character > "\u2e80" for character in chinese["kind"])


@pytest.mark.parametrize("kind", kinds())
def test_each_is_two_to_six_lines_with_a_source_and_links_that_lead_on(kind: str) -> None:
    for tongue in LANGUAGES:
        for one in explanations(kind, tongue).values():
            assert LINE_CELLS / 2 < cells(one.text) <= LINES_MAX * LINE_CELLS, one.word
            assert one.text[-1] in (".", "\u3002"), one.word
            assert one.source or kind in OWN, one.word
            assert one.see, one.word
            missing = [word for word in one.see if not found(word, tongue)]
            assert not missing, (one.word, missing)


def test_a_chinese_text_is_chinese() -> None:
    for kind in kinds():
        for one in explanations(kind, "zh").values():
            assert sum(character > "\u2e80" for character in one.text) > 15, one.word


def test_the_locale_chooses_the_language() -> None:
    assert language({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}) == "en"
    assert language({"LANG": "de_DE.UTF-8", "LANGUAGE": "zh:en"}) == "zh"
    assert language({}) == "en"
