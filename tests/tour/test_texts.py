"""The words of the lessons: complete in both languages, and short enough for a small screen."""

import tomllib
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

from emu.texts.language import LANGUAGES, Language
from emu.tour.guide import Guide, Progress
from emu.tour.lesson import Lesson
from emu.tour.lessons import LESSONS
from emu.tour.words import LessonWords, words
from tests.house.tree import ROOT
from tests.tour.answers import ANSWERS

ROW_CELLS = 76
"""Of the strip in a terminal of 80 columns."""
SHORT = 2 * ROW_CELLS
LONG = 8 * ROW_CELLS
HINTS = range(2, 5)
EVERY = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def said(found: LessonWords) -> Iterator[tuple[str, int]]:
    """Every text, and how long it may be, in cells."""
    yield found.title, ROW_CELLS - 24
    yield from ((text, SHORT) for text in (found.question, found.do, *found.hints))
    yield from ((text, SHORT) for text in found.wrong.values())
    yield found.explained, LONG


@EVERY
@pytest.mark.parametrize("tongue", LANGUAGES)
def test_a_lesson_has_all_its_words_and_none_is_too_long(
    lesson: Lesson, tongue: Language
) -> None:
    found = words(lesson.name, tongue)
    for text, most in said(found):
        assert 0 < cell_len(text) <= most, (cell_len(text), most, text)
    assert len(found.hints) in HINTS
    assert list(found.wrong) == [name for name, _ in lesson.wrong]
    assert found.source and found.see


@EVERY
def test_both_languages_say_the_same_things(lesson: Lesson) -> None:
    english, chinese = (
        tomllib.loads((ROOT / f"emu/texts/tour/{one}/{lesson.name}.toml").read_text("utf-8"))
        for one in LANGUAGES
    )
    assert [key for key in english if key not in ("source", "see")] == list(chinese)
    assert len(english["hints"]) == len(chinese["hints"])
    for text, _ in said(words(lesson.name, "zh")):
        assert any(character > "\u2e80" for character in text), text


@EVERY
def test_every_word_that_a_lesson_points_at_is_explained(lesson: Lesson) -> None:
    session = Guide(Progress()).begin(lesson)
    for word in words(lesson.name, "en").see:
        assert session.do(f"help {word}").reply, word


@EVERY
def test_a_lesson_has_an_answer_and_two_that_are_wrong(lesson: Lesson) -> None:
    answer = ANSWERS[lesson.name]
    assert answer.solves
    assert len(answer.wrong) >= 2
    assert set(answer.wrong) <= {name for name, _ in lesson.wrong}


def test_there_are_no_texts_and_no_answers_of_lessons_that_are_not_there() -> None:
    names = [lesson.name for lesson in LESSONS]
    assert list(ANSWERS) == names
    for tongue in LANGUAGES:
        files = (ROOT / "emu/texts/tour" / tongue).glob("*.toml")
        assert sorted(path.stem for path in files) == sorted(names)
