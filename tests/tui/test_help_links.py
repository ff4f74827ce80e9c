"""The box of help: what is pointed at comes first, words in it lead on and back, at any size,
in both languages."""

import asyncio

import pytest
from textual.geometry import Offset

from tests.tui import builder
from tests.tui.driving import SHIM, Hands, boot, screen
from tests.tui.still_door import Still
from tests.tui.terminal import Terminal
from tui.book import Book
from tui.row_words import first_of, row_words

SIZES = ((40, 12), (80, 24), (120, 40), (200, 50))


def book(hands: Hands) -> Book:
    """The page that is open."""
    return hands.app.screen.query_one(Book)


@pytest.mark.parametrize("size", SIZES)
def test_every_link_of_a_page_can_be_chosen_and_leads_to_its_word(
    size: tuple[int, int],
) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), size) as hands:
            await hands.type("help parked")
            for at, link in enumerate(book(hands).leaf.links):
                await hands.press("tab")
                page = book(hands)
                assert page.chosen == at and page.link == link
                shown = page.render_line(link.row - page.top).text
                assert link.word in shown
                await hands.press("enter")
                assert hands.app.screen.query_one(Book).border_title == link.word
                await hands.press("backspace")
                assert book(hands).border_title == "parked" and book(hands).chosen == at
            await hands.press("backspace", "escape")
            assert "Esc closes" not in hands.text

    asyncio.run(story())


def test_arrows_and_shift_tab_choose_as_well_and_only_what_is_in_sight() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            await hands.press("?", "end")
            await hands.press("right")
            page = book(hands)
            assert page.link is not None and page.top <= page.link.row
            last = page.chosen
            await hands.press("left", "left")
            await hands.press("shift+tab", "tab", "right", "right")
            assert book(hands).chosen == last

    asyncio.run(story())


def test_a_click_follows_a_link_and_the_wheel_scrolls() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (120, 40)) as hands:
            await hands.type("help parked")
            page = book(hands)
            link = page.leaf.links[0]
            await hands.pilot.click(Book, Offset(2 + link.start, 1 + link.row))
            await hands.pilot.pause()
            assert book(hands).border_title == link.word
            await hands.pilot.click(Book, Offset(3, 2))
            assert book(hands).border_title == link.word

    asyncio.run(story())


def test_the_status_line_is_one_link_away_from_any_panel() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (120, 40)) as hands:
            await hands.press("?")
            words = [link.word for link in book(hands).leaf.links]
            for _ in range(words.index("status line") + 1):
                await hands.press("tab")
            await hands.press("enter")
            assert book(hands).border_title == "status line"
            around = {link.word for link in book(hands).leaf.links}
            assert {"tick", "virtual time", "PAST"} <= around

    asyncio.run(story())


def test_the_selected_cpu_s_state_comes_before_its_panel() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (120, 40)) as hands:
            while hands.frame.panel.id != "cpus":
                await hands.press("tab")
            await hands.press("?")
            rows = [row.strip("│ ") for row in hands.text.splitlines()]
            state = next(
                at for at, row in enumerate(rows) if "running  a state of a CPU" in row
            )
            panel = next(at for at, row in enumerate(rows) if "cpus  a panel" in row)
            assert state < panel
            assert "in this row" in hands.text

    asyncio.run(story())


@pytest.mark.parametrize(
    ("panel", "row", "words"),
    [
        ("cpus", "> 2 z spinning  mailbox_wait+0x6  reset.S:86  command", ["spinning",
         "mailbox_wait"]),
        ("events", "3,520,188 cpu 0  mailbox  apic_id 0 -> 4 at wake_aps+0x1c", ["cpu",
         "mailbox", "wake_aps"]),
        ("nested", "08000000  64 MiB  rwx private > 04000000  shared view",
         ["MiB", "rwx", "private", "shared view"]),
        ("waits", "now 0x1  last written by cpu 0 at tick 3,520,198",
         ["last written by", "cpu", "tick"]),
        ("mailbox", "1  parked > woken > acked > ONLINE",
         ["parked", "woken", "acked", "ONLINE"]),
        ("stack", "#1  secondary_main+0x20 (smp.c:50)  by CFI", ["by CFI"]),
        ("events", "Nothing of all the words in a sentence", []),
    ],
)  # fmt: skip
def test_the_words_of_a_row_are_found(panel: str, row: str, words: list[str]) -> None:
    found = [word for _, word in row_words(panel, row)]
    assert [word for word in words if word not in found] == []
    assert words or not found


@pytest.mark.parametrize(
    ("panel", "row", "first"),
    [
        ("cpus", "> 2 z spinning  mailbox_wait+0x6", ("state", "spinning")),
        ("mailbox", "1  parked > woken > acked > ONLINE", ("step", "parked")),
        ("walk", " L4[000] gpa 8800000 = 8801023 P W A", ("glossary", "L4")),
        ("walk", "n L4[000] gpa 8800000 = 8801023 P W A", ("glossary", "nL4")),
        ("tables", " 08400000  2 MiB  rx  > same", ("column", "rights")),
        ("events", "1 cpu 0  milestone  reaches mailbox_wait", ("milestone", "mailbox_wait")),
    ],
)
def test_the_most_telling_word_of_a_row_comes_first(
    panel: str, row: str, first: tuple[str, str]
) -> None:
    one = first_of(panel, row_words(panel, row))[0]
    assert (one.kind, one.word) == first


def test_what_nobody_explains_stays_in_the_prompt() -> None:
    async def story() -> None:
        async with screen(boot(), (120, 40)) as hands:
            await hands.type("help xyzzy")
            assert "no explanation of" in hands.text and "Esc closes" not in hands.text
            await hands.press("escape", "?")
            assert "Esc closes" in hands.text

    asyncio.run(story())


def test_help_is_read_while_the_machine_runs() -> None:
    async def story() -> None:
        async with screen(boot(4), (120, 40)) as hands:
            hands.tap("c")
            await hands.until(lambda: hands.session.running)
            hands.tap(":", *"help tick")
            await hands.press("enter")
            await hands.until(lambda: "One executed instruction" in hands.text)
            await hands.press("escape")
            await hands.settle()

    asyncio.run(story())


@pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
def test_by_real_keys_it_opens_leads_on_comes_back_and_closes(size: tuple[int, int]) -> None:
    with Terminal("samples/shim.elf", "--cpus", "2", "--fresh", size=size) as terminal:
        terminal.wait_for("off")
        terminal.press(":help npt\r")
        terminal.wait_for(" npt ─")
        terminal.press("\t\r")
        terminal.wait_for(" GPA ─")
        terminal.press("\x7f")
        terminal.wait_for(" npt ─")
        terminal.press("q")
        terminal.wait_for("STOPPED")
        terminal.press("q")
        assert terminal.leave() == 0
        assert b"Traceback" not in terminal.raw


@pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
def test_a_chinese_locale_shows_chinese_in_whole_characters() -> None:
    words = ("samples/shim.elf", "--cpus", "2", "--fresh")
    with Terminal(*words, size=(80, 24), LANGUAGE="zh_CN:zh", LC_ALL="C.UTF-8") as terminal:
        terminal.wait_for("off")
        terminal.press(":help SIPI\r")
        terminal.wait_for("SIPI ─")
        terminal.wait_for("Esc closes")
        assert "领" in terminal.text and "出" in terminal.text and "另" in terminal.text
        terminal.press("q")
        terminal.wait_for("STOPPED")
        terminal.press("?")
        terminal.wait_for("屏")
        terminal.press("q")
        terminal.wait_for("STOPPED")
        terminal.press("q")
        assert terminal.leave() == 0
