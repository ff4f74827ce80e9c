"""The tour as people take it: keys in a real terminal, at two sizes, in two languages."""

from pathlib import Path

import pytest

from emu.texts.language import Language
from emu.tour.lessons import LESSONS
from emu.tour.words import tour_words, words
from tests.tour.answers import ANSWERS
from tests.tour.player import Player, Size, terminal

SMALL, LARGE = (80, 24), (120, 40)
EVERY = 99


def test_someone_who_knows_nothing_is_in_lesson_1_after_one_key(tmp_path: Path) -> None:
    with terminal(size=SMALL, tongue="en", state=tmp_path) as shown:
        player = Player(shown, "en")
        player.reads(tour_words("en").offer)
        shown.press("\r")
        player.begins(LESSONS[0])
        player.quits()


def test_any_other_key_is_what_it_always_was_and_the_offer_comes_once(tmp_path: Path) -> None:
    with terminal(size=SMALL, tongue="en", state=tmp_path) as shown:
        player = Player(shown, "en")
        player.reads("Enter: the tour")
        shown.press("s")
        shown.wait_for("tick 1 ")
        player.stands()
        assert "Enter: the tour" not in shown.text
        player.quits()
    with terminal(size=SMALL, tongue="en", state=tmp_path) as shown:
        shown.wait_for("before the first instruction")
        player = Player(shown, "en")
        player.stands()
        assert "Enter: the tour" not in shown.text
        player.quits()


@pytest.mark.parametrize(
    ("size", "tongue", "wrong"),
    [
        (SMALL, "en", 2),
        (LARGE, "zh", 0),
        pytest.param(SMALL, "zh", EVERY, marks=pytest.mark.breadth),
        pytest.param(LARGE, "en", EVERY, marks=pytest.mark.breadth),
    ],
)
def test_the_tour_is_taken_to_its_end(
    size: Size, tongue: Language, wrong: int, tmp_path: Path
) -> None:
    """So many wrong answers of each lesson are told off, each with a sentence of its own; the
    shipped ones are right."""
    with terminal("tour", size=size, tongue=tongue, state=tmp_path) as shown:
        player = Player(shown, tongue)
        for lesson in LESSONS:
            player.begins(lesson)
            for name in list(ANSWERS[lesson.name].wrong)[:wrong]:
                player.fails(lesson, name)
            player.solves(lesson)
            player.goes_on()
        player.is_over()
        player.quits()
    with terminal("tour", "--list", size=size, tongue=tongue, state=tmp_path) as shown:
        assert shown.leave() == 0
        assert shown.text.count("done") >= len(LESSONS)


def test_a_lesson_is_left_and_gone_on_with_another_day(tmp_path: Path) -> None:
    lesson = LESSONS[1]
    first, second = words(lesson.name, "en").hints[:2]
    with terminal("tour", "2", size=SMALL, tongue="en", state=tmp_path) as shown:
        player = Player(shown, "en")
        player.begins(lesson)
        shown.press("h")
        player.reads(first)
        player.says("tour hint")
        player.reads(second)
        shown.press("3s")
        shown.wait_for("tick 3 ")
        player.says("tour leave")
        shown.wait_for("tdx")
        player.stands()
        assert "Tour 2" not in shown.text
        player.quits()
    with terminal("tour", size=SMALL, tongue="en", state=tmp_path) as shown:
        player = Player(shown, "en")
        player.begins(lesson)
        shown.wait_for("tick 0 ")
        player.reads(second)
        shown.press("T")
        player.reads(first)
        shown.press("T")
        shown.wait_for(f"Tour: 0 of {len(LESSONS)} done")
        shown.press("\x1b")
        player.begins(lesson)
        player.quits()


def test_a_bare_lesson_opens_nothing_and_tells_no_way(tmp_path: Path) -> None:
    told = words(LESSONS[1].name, "en")
    with terminal("tour", "2", "--bare", size=SMALL, tongue="en", state=tmp_path) as shown:
        player = Player(shown, "en")
        player.begins(LESSONS[1])
        assert "[Code]" in shown.text
        assert told.do[:20] not in shown.text
        player.says("tour guided")
        shown.wait_for("[Regs]")
        player.reads(told.do)
        player.quits()
