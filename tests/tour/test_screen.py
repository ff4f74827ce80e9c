"""The tour on the screen: where it is told, and what becomes of the person's own machine."""

import asyncio
from pathlib import Path

import pytest

from emu import open_session
from emu.texts.language import LANGUAGES
from emu.tour.guide import Progress
from emu.tour.lessons import LESSONS
from emu.tour.words import tour_words, words
from tests.tui.driving import Hands, screen
from tui import tour_page
from tui.app import ApdbgApp
from tui.kept import Memory
from tui.keymap import PRESETS
from tui.tour_memory import FILE_NAME, TourMemory


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("LANGUAGE", "en")


def test_a_lesson_has_a_machine_of_its_own_and_mine_comes_back() -> None:
    async def story() -> None:
        own = open_session(cpus=2, platform="none")
        async with screen(own, (80, 24)) as hands:
            await hands.type("break waking")
            await hands.press("s")
            await hands.type("tour 2")
            assert hands.session is not own
            assert hands.seen.platform == "vbs"
            assert not hands.seen.breakpoints
            await hands.press("s")
            await hands.type("tour leave")
            assert hands.session is own
            assert (hands.seen.tick, hands.seen.platform) == (1, "none")
            assert len(hands.seen.breakpoints) == 1

    asyncio.run(story())


def test_breakpoints_of_a_lesson_are_not_kept_as_mine(tmp_path: Path) -> None:
    async def story() -> None:
        own = open_session(cpus=2)
        memory = Memory(tmp_path, own.desk.setup.image.sha256)
        async with screen(own, (80, 24)) as hands:
            hands.app._memory = memory
            await hands.type("tour 1")
            await hands.type("break reset_long")
            assert hands.seen.breakpoints
            hands.app.keep()
        kept = Memory(tmp_path, own.desk.setup.image.sha256).read()
        assert not kept.breakpoints

    asyncio.run(story())


def test_no_lesson_begins_while_the_machine_runs() -> None:
    async def story() -> None:
        own = open_session(cpus=2)
        async with screen(own, (80, 24)) as hands:
            hands.session.begin("run")
            await hands.press(":")
            hands.tap(*"tour 1")
            await hands.press("enter")
            assert "the machine is running: pause it first" in hands.text
            assert hands.session is own
            await hands.press("escape", "T", "enter")
            assert "! the machine is running: pause it first" in hands.text
            hands.session.pause()

    asyncio.run(story())


def test_t_shows_all_of_a_lesson_the_list_and_one_row_and_any_key_goes_back() -> None:
    async def story() -> None:
        async with screen(open_session(cpus=2), (80, 24)) as hands:
            await hands.press("T")
            assert f"Tour: 0 of {len(LESSONS)} done" in hands.text
            await hands.press("escape")
            assert "Tour" not in hands.text
            await hands.press("T", "down", "up", "enter")
            assert words("first_cpu", "en").do[:30] in hands.text
            await hands.press("T")
            assert "Mailbox" not in hands.text
            await hands.press("s")
            assert "Mailbox" in hands.text
            assert hands.seen.tick == 1
            await hands.press("T", "T", "T")
            assert words("first_cpu", "en").title in hands.text
            assert words("first_cpu", "en").do[:30] not in hands.text
            await hands.type("tour")
            await hands.press("up", "enter")
            assert words(LESSONS[-1].name, "en").title in hands.text

    asyncio.run(story())


@pytest.mark.parametrize(
    "size",
    [
        (80, 24),
        *(pytest.param(one, marks=pytest.mark.breadth) for one in ((120, 40), (200, 50))),
    ],
)
def test_a_guided_lesson_opens_its_panel_and_lights_its_row_and_a_bare_one_does_not(
    size: tuple[int, int],
) -> None:
    async def story() -> None:
        async with screen(open_session(cpus=1), size) as hands:
            for lesson in LESSONS:
                await hands.type(f"tour {lesson.name}")
                assert lesson.panel in ("", hands.frame.panel.id)
                assert hands.frame.cursor.startswith(lesson.row)
                assert bool(hands.frame.cursor) == bool(lesson.row)
                if lesson.row:
                    assert hands.frame.spot is not None, "it is in sight"
            await hands.type("tour bare")
            for lesson in LESSONS:
                await hands.type(f"tour {lesson.name}")
                assert not any(frame.cursor for frame in hands.app.desk.frames.placed)

    asyncio.run(story())


def test_a_text_that_is_too_long_for_the_terminal_is_scrolled() -> None:
    async def story() -> None:
        async with screen(open_session(cpus=2), (40, 12)) as hands:
            await hands.type("tour 2")
            await hands.press("T")
            assert "machine" not in hands.row(-3)
            await hands.press(*["down"] * 30)
            assert "machine" in hands.row(-3)
            await hands.press("up")
            assert "machine" not in hands.row(-3)

    asyncio.run(story())


def test_a_number_and_enter_still_selects_a_cpu_in_a_lesson_that_is_done() -> None:
    async def story() -> None:
        async with screen(open_session(cpus=2), (80, 24)) as hands:
            await hands.type("tour 1")
            await hands.press("1", "2", "s")
            await hands.until(lambda: "Enter" in hands.text and "done" in hands.text)
            await hands.press("2", "enter")
            assert hands.seen.focus == 2

    asyncio.run(story())


def test_all_hints_are_shown_one_by_one_and_then_it_says_so() -> None:
    async def story() -> None:
        async with screen(open_session(cpus=2), (80, 24)) as hands:
            await hands.press("h")
            assert "there is no lesson now" in hands.text
            await hands.type("tour 1")
            for _ in words("first_cpu", "en").hints:
                await hands.press("h")
                assert "these are all hints" not in hands.text
            await hands.press("h")
            assert "these are all hints" in hands.text

    asyncio.run(story())


@pytest.mark.parametrize("text", ["tour 99", "tour nex", "tour first-cpu"])
def test_a_lesson_that_there_is_not_is_said_and_stays_in_the_prompt(text: str) -> None:
    async def story() -> None:
        async with screen(open_session(cpus=2), (80, 24)) as hands:
            await hands.type(text)
            assert "no lesson is" in hands.text
            assert f": {text}" in hands.text

    asyncio.run(story())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"done": 1}', b"\xff" * 40])
def test_a_file_of_the_tour_that_is_no_such_file_means_a_new_tour(
    data: bytes, tmp_path: Path
) -> None:
    assert TourMemory(tmp_path).is_first()
    (tmp_path / FILE_NAME).write_bytes(data)
    memory = TourMemory(tmp_path)
    assert not memory.is_first()
    assert memory.read() == Progress()
    memory.write(Progress(done=["first_cpu"], at="handed_over"))
    assert memory.read().at == "handed_over"


def test_what_two_sessions_have_done_is_done(tmp_path: Path) -> None:
    TourMemory(tmp_path).write(Progress(done=["first_cpu"]))
    TourMemory(tmp_path).write(Progress(done=["handed_over"]))
    assert set(TourMemory(tmp_path).read().done) == {"first_cpu", "handed_over"}


def test_where_no_state_can_be_kept_the_tour_goes_on_and_is_not_offered(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "file"):
        (tmp_path / "file").write_text("")
        memory = TourMemory(folder)
        memory.write(Progress(done=["first_cpu"]))
        assert memory.read() == Progress()
        assert not memory.is_first()


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_the_first_screen_says_what_it_is_in_the_rows_of_a_small_terminal(tongue: str) -> None:
    said = tour_words(tongue)  # type: ignore[arg-type]
    assert len(tour_page.texts([(said.offer, "plain")], 80)) <= 4
    for word in ("CPUs", "Mailbox", "Enter", "?"):
        assert word in said.offer


def test_other_keys_are_told_as_they_are() -> None:
    async def story() -> None:
        app = ApdbgApp(open_session(cpus=2), PRESETS["windbg"])
        async with app.run_test(size=(80, 24)) as pilot:
            hands = Hands(app, pilot)
            await hands.type("tour 1")
            assert "h hint  :tour all more" in hands.text
            await hands.type("tour all")
            assert "Mailbox" not in hands.text

    asyncio.run(story())
