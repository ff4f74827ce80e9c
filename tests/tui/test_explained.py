"""`?WORD` on the screen: keys are explained beside what a session knows, in a box."""

import asyncio

import pytest

from tests.tui.driving import boot, screen
from tui import keymap, keys
from tui.explained import explained


@pytest.mark.parametrize("preset", keymap.PRESETS)
def test_every_key_has_an_explanation(preset: str) -> None:
    table = keys.remapped(keymap.PRESETS[preset].keys)
    found = explained(table)
    for key in table:
        assert all(any(key.help in row for row in found[word]) for word in key.shown.split())


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("?F2", "set or remove a breakpoint at the cursor"),
        ("waits?", "a panel of the screen"),
        ("?parked", "of 2 CPUs now"),
        ("help copy", "a word of the screen"),
        ("?y", "copy what the cursor is on"),
        (":help ^P", "find any action, CPU or symbol"),
    ],
)
def test_words_are_explained_at_the_prompt(typed: str, says: str) -> None:
    async def story() -> None:
        async with screen(boot(), (120, 40)) as hands:
            await hands.type(typed)
            assert says in hands.text and "Esc closes" in hands.text

    asyncio.run(story())


def test_with_the_words_of_windbg_the_prompt_means_what_they_mean() -> None:
    from tests.tui.driving import Hands
    from tui.app import ApdbgApp

    async def story() -> None:
        app = ApdbgApp(boot(), keymap.PRESETS["windbg"])
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            hands = Hands(app, pilot)
            await hands.type("t 3")
            assert hands.seen.tick == 3
            await hands.type("g mailbox_ack")
            assert "reached mailbox_ack" in hands.row(0)
            await hands.type("? $rip == rip")
            assert "0x1 1" in hands.row(-2)
            await hands.type("~0s")
            assert hands.seen.focus == 0
            await hands.type("nosuch")
            assert "! 'nosuch' is no command" in hands.row(-2)

    asyncio.run(story())
