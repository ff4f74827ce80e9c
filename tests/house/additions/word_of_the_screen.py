"""A word of the screen: what a front end does by itself."""

import asyncio

from tests.tui.driving import boot, screen
from tui.lines import Teller

NEW: dict[str, str] = {}
LINES = {
    "emu/debug/screen_words.py": (
        (
            '"write! FILE", "The same, in place of a file that is there."),\n',
            '    "greet": ScreenWord("greet", "Say good morning."),\n',
        ),
    ),
    "tui/dialogs.py": (
        (
            '"write!": copying.replace,\n',
            '            "greet": lambda words: desk.say(f"good morning {words}"),\n',
        ),
    ),
    "tui/lines.py": (
        (
            '"write!": lambda words: self._write(words, replace=True),\n',
            '            "greet": lambda words: tell(f"good morning {words}"),\n',
        ),
    ),
}


async def story() -> None:
    async with screen(boot()) as hands:
        await hands.type("greet moon")
        await hands.until(lambda: "good morning moon" in hands.text)
        assert hands.session.known("word")
        await hands.type("help greet")
        assert "a word of the screen" in hands.text
    said: list[str] = []
    Teller(boot(), said.append).take("greet moon")
    assert said == ["good morning moon"]


def uses() -> None:
    asyncio.run(story())
