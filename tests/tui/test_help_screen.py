"""The help on the screen: read to its end by keys, searched, and left."""

import asyncio

import pytest

from tests.tui import builder
from tests.tui.driving import Hands, screen
from tests.tui.still_door import Still
from tui.keys import KEYS


async def opened(hands: Hands) -> None:
    """The help of the panel in focus."""
    await hands.press("?")
    assert "Esc closes" in hands.text


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
@pytest.mark.parametrize("down", ["down", "j", "pagedown", "space"])
def test_every_key_of_the_table_can_be_read_by_scrolling(
    size: tuple[int, int], down: str
) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), size) as hands:
            await opened(hands)
            seen = first = hands.text
            for _ in range(400):
                before = hands.text
                await hands.press(down)
                seen += hands.text
                if before == hands.text:
                    break
            assert "quit, also from a" in hands.text
            if size[0] >= 80:
                assert all(key.help[:30] in seen for key in KEYS)
            await hands.press("home")
            assert hands.text == first

    asyncio.run(story())


def test_page_up_k_and_end_scroll_as_well() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            await opened(hands)
            first = hands.text
            await hands.press("end")
            last = hands.text
            assert last != first
            await hands.press("k", "j")
            assert hands.text == last
            await hands.press("pageup", "pagedown")
            assert hands.text == last
            await hands.press("g")
            assert hands.text == first

    asyncio.run(story())


def test_a_word_is_searched_in_it() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            await opened(hands)
            await hands.press("/", *"LOCKSTEP")
            assert "/LOCKSTEP_" in hands.text
            await hands.press("enter")
            assert "in lockstep" in hands.text
            await hands.press("/", *"xyzzy", "enter")
            assert "no xyzzy here" in hands.text
            await hands.press("n")
            await hands.press("escape")
            assert "Esc closes" not in hands.text and hands.app.is_running

    asyncio.run(story())


@pytest.mark.parametrize("key", ["escape", "q", "?", "f1", "ctrl+c"])
def test_it_is_left_and_the_keys_are_the_panels_again(key: str) -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session, (80, 24)) as hands:
            await opened(hands)
            await hands.press("s", "c", key)
            assert "Esc closes" not in hands.text and session.begun == []
            await hands.press("s")
            assert session.begun == ["step"]

    asyncio.run(story())


def test_it_opens_again_after_a_resize() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (120, 40)) as hands:
            await opened(hands)
            await hands.pilot.resize_terminal(60, 15)
            await hands.pilot.pause()
            await hands.press("end")
            assert "quit, also from" in hands.text and "Esc closes" in hands.text
            await hands.press("escape", "?")
            assert "Esc closes" in hands.text

    asyncio.run(story())
