"""README.zh.md is README.md, all of it: the same headings, blocks, links and rows of tables."""

import re
from typing import Final

import pytest

from tests import transcript
from tests.documents.pictures import ROOT

ENGLISH: Final = ROOT / "README.md"
CHINESE: Final = ROOT / "README.zh.md"
EACH_OTHER: Final = {"README.md", "README.zh.md"}


@pytest.fixture
def english() -> str:
    """What is said in English."""
    return ENGLISH.read_text(encoding="utf-8")


@pytest.fixture
def chinese(english: str, request: pytest.FixtureRequest) -> str:
    """The same in Chinese; with --update-goldens it is given the blocks of today."""
    text = CHINESE.read_text(encoding="utf-8")
    if request.config.getoption("--update-goldens"):
        for old, new in zip(transcript.blocks(text), transcript.blocks(english), strict=True):
            text = text.replace(old.body, new.body)
        CHINESE.write_text(text, encoding="utf-8")
    return text


def links(text: str) -> list[str]:
    """Where all links and pictures lead, but to the other language."""
    found = re.findall(r"\]\(([^)]+)\)", text)
    return sorted(one for one in found if one not in EACH_OTHER)


def shape(text: str) -> list[str]:
    """What begins each line that is not only text: headings, rows, items, comments."""
    marks = re.findall(r"^(#+ |\| |\|---|\* |<!-- [^\n]*|!\[)", text, re.MULTILINE)
    return [str(mark) for mark in marks]


def codes(text: str) -> set[str]:
    """What stands between backquotes, blocks aside."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def test_headings_rows_and_items_are_the_same(english: str, chinese: str) -> None:
    assert shape(chinese) == shape(english)


def test_commands_and_blocks_are_the_same(english: str, chinese: str) -> None:
    mine = [(one.how, one.kind, one.body) for one in transcript.blocks(english)]
    assert [(one.how, one.kind, one.body) for one in transcript.blocks(chinese)] == mine


def test_links_lead_to_the_same_places(english: str, chinese: str) -> None:
    assert links(chinese) == links(english)


def test_what_is_code_in_one_is_code_in_the_other(english: str, chinese: str) -> None:
    assert codes(english) <= codes(chinese)


def test_no_paragraph_was_left_in_english(chinese: str) -> None:
    text = re.sub(r"<!--.*?-->|```.*?```|`[^`]*`|\([^)]*\)", "", chinese, flags=re.DOTALL)
    long = [part for part in re.split(r"\n\n|\||\n\* ", text) if len(part.split()) > 8]
    assert long
    assert [part for part in long if not re.search(r"[\u4e00-\u9fff]{4}", part)] == []
