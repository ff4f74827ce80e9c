"""What the message line says is not lost: unread it is counted, and it can be read again."""

import asyncio

import pytest

from tests.tui import builder
from tests.tui.driving import SHIM, boot, screen
from tests.tui.still_door import Still
from tests.tui.terminal import Terminal
from tui.notices import KEPT_MAX, Notices
from tui.text import folded


def test_what_was_not_read_is_counted_and_what_was_is_not() -> None:
    notices = Notices()
    assert notices.say("one") == "one"
    assert notices.say("one, put better") == "one, put better", "the same key said it"
    notices.turn()
    assert notices.say("two") == "two   (1 more: :notices)"
    notices.turn()
    assert notices.say("three") == "three   (2 more: :notices)"
    notices.read()
    assert notices.say("four") == "four"


def test_the_same_again_is_one_and_only_the_newest_are_kept() -> None:
    notices = Notices()
    before = notices.kept
    for number in range(500):
        notices.keep(f"notice {number}", number)
        notices.keep(f"notice {number}", number)
    assert len(notices.kept) == KEPT_MAX and notices.kept is before
    assert notices.kept[-1].endswith("notice 499") and notices.kept[0].endswith("notice 300")


def test_notices_are_read_again_by_a_command_and_backspace_goes_back() -> None:
    async def story() -> None:
        async with screen(boot(2), (80, 24)) as hands:
            await hands.type("until nowhere")
            await hands.press("escape", "y", "e", "S")
            await hands.settle()
            before = hands.frame.panel.id
            await hands.type("notices")
            assert hands.frame.panel.id == "answer"
            text = "\n".join(hands.seen.reply)
            assert "nowhere" in text and "tick" in text
            assert "Enter runs it" not in text, "what typing changes is not kept"
            await hands.press("backspace")
            assert hands.frame.panel.id == before

    asyncio.run(story())


def test_a_session_without_a_screen_has_said_nothing() -> None:
    if not SHIM.exists():
        pytest.skip("the sample shim is not built")
    assert boot(1).do("notices").reply == ("nothing was said yet",)  # type: ignore[attr-defined]


def test_a_refusal_while_a_run_goes_on_outlives_it() -> None:
    async def story() -> None:
        async with screen(boot(4)) as hands:
            hands.tap("c")
            await hands.until(lambda: hands.session.running)
            hands.tap("s")
            await hands.until(lambda: hands.seen.outcome is not None)
            await hands.settle()
            kept = "\n".join(hands.app.desk.notices.kept)
            assert "!" in kept, "the refused step"
            assert "more: :notices" in hands.row(-2) or "!" in hands.row(-2)

    asyncio.run(story())


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 12)])
def test_a_long_answer_is_paged_to_its_last_row(size: tuple[int, int]) -> None:
    async def story() -> None:
        async with screen(boot(2), size) as hands:
            await hands.type("symbols a")
            assert hands.frame.panel.id == "answer"
            last = hands.seen.reply[-1].split()[-1]
            for _ in range(100):
                page = hands.frame.page
                if page.top + page.rows >= page.total:
                    break
                await hands.press("pagedown")
                assert hands.frame.page.top > page.top
            assert last in hands.text
            await hands.press("backspace")
            assert hands.frame.panel.id != "answer"

    asyncio.run(story())


def test_a_long_line_of_an_answer_is_folded_and_nothing_of_it_is_lost() -> None:
    text = "  npt gpa 0x8400000     a text of words that goes on [0xbfe004c] == 0x1 to its end"
    for width in range(8, 120):
        rows = folded(text, width)
        assert all(len(row) <= width for row in rows), width
        assert "".join("".join(rows).split()) == "".join(text.split())
    assert folded(text, 60)[1].startswith("                        ")


def test_in_a_real_terminal() -> None:
    with Terminal("samples/shim.elf") as terminal:
        terminal.wait_for("STOPPED")
        terminal.press(":until nowhere\r")
        terminal.wait_for("! ")
        terminal.press("\x1b")
        terminal.wait_for("s Step")
        terminal.press(":notices\r")
        terminal.wait_for("what was said, the newest last")
        terminal.press("q")
        assert terminal.leave() == 0


def test_typing_a_command_does_not_fill_the_notices() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            before = len(hands.app.desk.notices.kept)
            await hands.press(":", *"break", "escape", "J", "escape", "1", "escape")
            assert len(hands.app.desk.notices.kept) == before

    asyncio.run(story())
