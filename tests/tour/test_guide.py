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


def test_a_tour_goes_on_where_it_was_left_or_with_the_first_lesson_that_is_not_done() -> None:
    first, second, third = (lesson.name for lesson in LESSONS[:3])
    for progress, wanted in (
        (Progress(), first),
        (Progress(at=second), second),
        (Progress(at=second, done=[second]), first),
        (Progress(at=second, done=[first, second]), third),
        (Progress(at="gone", done=[first]), second),
        (Progress(at=third, done=[lesson.name for lesson in LESSONS]), first),
    ):
        assert Guide(progress).lesson.name == wanted


def test_behind_the_last_lesson_come_those_that_were_left_out() -> None:
    *others, last = (lesson.name for lesson in LESSONS)
    guide = Guide(Progress(at=last, done=others[1:]))
    assert guide.lesson.name == last
    following = guide.following()
    assert following is not None and following.name == others[0]
    guide = Guide(Progress(at=last, done=[*others]))
    guide.progress.done.append(last)
    assert guide.following() is None


def test_hints_are_those_of_one_lesson() -> None:
    guide = Guide(Progress())
    guide.begin(lesson_of("1"))
    assert guide.hint(2) and guide.hint(2) and not guide.hint(2)
    guide.begin(lesson_of("1"))
    assert guide.progress.hints == 2
    guide.begin(lesson_of("2"))
    assert guide.progress.hints == 0


def test_what_the_session_refuses_is_heard_until_something_is_carried_out() -> None:
    guide = Guide(Progress())
    guide.begin(lesson_of("handed_over"))
    guide.do("mem rsi")
    assert guide.wrong == "offset"
    guide.do("registers")
    assert not guide.wrong
