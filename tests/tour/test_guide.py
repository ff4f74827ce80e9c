"""The tour as it goes, without a screen."""

import pytest

from emu.errors import CommandError
from emu.tour.guide import Guide, Progress, lesson_of
from emu.tour.lesson import Lesson
from emu.tour.lessons import LESSONS


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_that_begins_is_neither_done_nor_wrong(lesson: Lesson) -> None:
    guide = Guide(Progress())
    guide.begin(lesson)
    for panel in ("", lesson.panel):
        guide.look(panel)
        assert not guide.solved
        assert not guide.wrong


def test_a_lesson_is_done_by_doing_and_stays_done() -> None:
    progress = Progress()
    guide = Guide(progress)
    guide.begin(lesson_of("1"))
    guide.do("step 3")
    assert not guide.solved
    guide.do("step 9")
    assert guide.solved and progress.done == ["first_cpu"]
    guide.begin(lesson_of("1"))
    assert not guide.solved and progress.done == ["first_cpu"]


def test_what_is_wrong_is_told_until_it_is_not() -> None:
    guide = Guide(Progress())
    guide.begin(lesson_of("first_cpu"))
    guide.do("cpu 1")
    assert guide.wrong == "other_cpu"
    guide.do("cpu 0")
    assert not guide.wrong


def test_a_lesson_that_there_is_not_is_said() -> None:
    for text in ("0", "99", "first-cpu", "next"):
        with pytest.raises(CommandError, match="no lesson is"):
            lesson_of(text)
