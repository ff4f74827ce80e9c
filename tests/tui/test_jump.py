"""Jump mode: a letter on each panel and tab, and the next key goes there."""

import asyncio

import pytest

from tests.tui import builder
from tests.tui.driving import screen
from tests.tui.still_door import Still
from tests.tui.terminal import Terminal
from tui.jump import LETTERS
from tui.panels import BY_ID, PANELS

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]


def panels(text: str) -> list[str]:
    """The rows of a screen that are not about keys."""
    return text.splitlines()[:-2]


def test_every_panel_has_a_letter_of_its_own() -> None:
    assert set(LETTERS) == {panel.id for panel in PANELS} - {"status"}
    assert len(set(LETTERS.values())) == len(LETTERS)
    assert all(len(one) == 1 and one.islower() for one in LETTERS.values())


@pytest.mark.parametrize("size", SIZES)
def test_a_letter_goes_to_every_panel_from_anywhere(size: tuple[int, int]) -> None:
    async def story() -> None:
        async with screen(Still(builder.broken()), size) as hands:
            for panel, letter in LETTERS.items():
                await hands.press("J", letter)
                assert hands.frame.panel.id == panel
            assert hands.session.begun == []  # type: ignore[attr-defined]

    asyncio.run(story())


@pytest.mark.parametrize("size", SIZES)
def test_the_letters_of_all_tabs_are_shown_and_gone_again(size: tuple[int, int]) -> None:
    async def story() -> None:
        async with screen(Still(builder.broken()), size) as hands:
            before = panels(hands.text)
            await hands.press("J")
            for frame in hands.app.desk.frames.placed:
                title = hands.text.splitlines()[frame.region.y]
                letters = title[frame.region.x : frame.region.right].split()
                if len(letters) == 1:  # there is no room for spaces
                    letters = [*letters[0]]
                for tab in frame.tabs:
                    assert LETTERS[tab] in letters, (tab, title)
            await hands.press("escape")
            assert panels(hands.text) == before
            await hands.press("J", "f1")
            assert panels(hands.text) == before, "another key only ends it"

    asyncio.run(story())


def test_a_closed_panel_is_opened_by_its_letter() -> None:
    async def story() -> None:
        async with screen(Still(builder.broken())) as hands:
            await hands.press("J", LETTERS["walk"], "X")
            assert not hands.app.desk.frames.has("walk")
            await hands.press("J", LETTERS["walk"])
            assert hands.frame.panel.id == "walk"

    asyncio.run(story())


def test_in_a_real_terminal() -> None:
    with Terminal("samples/shim.elf") as terminal:
        terminal.wait_for("STOPPED")
        terminal.press("J")
        terminal.wait_for("a letter goes to that panel")
        terminal.press(LETTERS["findings"])
        terminal.wait_for(f"[{BY_ID['findings'].tab}")
        terminal.press("q")
        assert terminal.leave() == 0
