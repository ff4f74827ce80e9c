"""What is generated in documents, and their pictures, are what the program says and shows.

`python -m tests.documents` writes both anew.
"""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from emu.inject.kinds import KINDS
from emu.mailbox.rules import RULES
from emu.texts.explanations import kinds
from tests.documents import guest, pictures, texts
from tests.documents.generators import GENERATORS
from tests.documents.pictures import CHARTS, FOLDER, PICTURES, ROOT
from tests.documents.regions import regions, renewed

AGAIN: Final = "`python -m tests.documents` writes it anew"


def pages() -> list[Path]:
    """Every document in which something is generated."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return sorted(place for place in found if regions(place.read_text(encoding="utf-8")))


def generated() -> list[str]:
    """The words of every region of all documents."""
    return [words for place in pages() for words in regions(place.read_text(encoding="utf-8"))]


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether to write instead of comparing."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.mark.parametrize("place", pages(), ids=lambda place: place.stem)
def test_what_is_generated_is_what_the_code_says(place: Path, update: bool) -> None:
    text = place.read_text(encoding="utf-8")
    now = renewed(text, GENERATORS)
    if update:
        place.write_text(now, encoding="utf-8")
    else:
        assert now == text, f"{place.relative_to(ROOT)} is no longer so: {AGAIN}"


@pytest.mark.parametrize("name", [*PICTURES, *CHARTS])
def test_a_picture_is_what_the_program_shows(name: str, update: bool) -> None:
    place = FOLDER / f"{name}.svg"
    if name in CHARTS:
        now = pictures.charted(CHARTS[name])
    else:
        now = asyncio.run(pictures.drawn(PICTURES[name]))
    if update:
        place.write_text(now, encoding="utf-8")
    else:
        assert now == place.read_text(encoding="utf-8"), f"{name}.svg is another one: {AGAIN}"


def test_a_picture_is_the_same_on_every_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb"), ("LC_ALL", "zh_CN.UTF-8")):
        monkeypatch.setenv(name, value)
    now = asyncio.run(pictures.drawn(PICTURES["power-on"]))
    assert now == (FOLDER / "power-on.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*PICTURES, *CHARTS])
def test_a_picture_loads_nothing_from_elsewhere(name: str) -> None:
    assert pictures.elsewhere((FOLDER / f"{name}.svg").read_text(encoding="utf-8")) == []


def test_a_picture_that_does_would_be_found() -> None:
    assert pictures.elsewhere('src: url("https://example.org/a.woff")')
    assert pictures.elsewhere('<image href="https://example.org/a.png"/>')


def test_every_picture_is_shown_and_every_one_shown_is_made() -> None:
    texts_of_all = [
        place.read_text(encoding="utf-8")
        for place in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    ]
    for name in [*PICTURES, *CHARTS]:
        assert any(f"pictures/{name}.svg" in text for text in texts_of_all), name
    assert {place.stem for place in FOLDER.glob("*.svg")} == {*PICTURES, *CHARTS}


def test_every_generator_is_used() -> None:
    assert {words.split()[0] for words in generated()} == set(GENERATORS)


def test_every_group_of_injections_and_every_kind_stands_somewhere() -> None:
    assert [f"injections {group}" for group in guest.groups()] == [
        words for words in generated() if words.startswith("injections ")
    ]
    text = (ROOT / "docs/reference/injections.md").read_text(encoding="utf-8")
    assert [kind.name for kind in KINDS if f"### `{kind.usage}`" not in text] == []


def test_every_rule_stands_in_the_reference_with_its_source() -> None:
    text = (ROOT / "docs/reference/rules.md").read_text(encoding="utf-8")
    assert [rule.name for rule in RULES if f"### `{rule.name}`" not in text] == []


def test_every_key_of_a_platform_is_told_and_none_that_is_not() -> None:
    assert sorted(guest.MEANS) == sorted(guest.keys_of_platforms())


def test_every_kind_of_word_has_a_page() -> None:
    told = {words.partition(" ")[2] for words in generated() if words.startswith("words ")}
    assert {texts.page_of(kind) for kind in kinds() if kind not in texts.OF_TABLES} <= told


def test_every_lesson_of_the_tour_stands_in_the_boot_flow() -> None:
    told = [words.partition(" ")[2] for words in generated() if words.startswith("lesson ")]
    assert [name for name in texts.lessons() if name not in told] == []
    assert len(told) == len(set(told))
