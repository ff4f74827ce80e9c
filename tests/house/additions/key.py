"""A key: a line of the table, from which bindings, key bar, help and palette are made."""

import asyncio

from tests.tui.driving import boot, screen

NEW: dict[str, str] = {}
LINES = {
    "tui/keys.py": (
        (
            '"explain the panel in focus", "Help"),\n',
            '    Key("greet", ("ctrl+g",), "^G", lambda on: on.desk.say("good morning"),\n'
            '        "say good morning"),\n',
        ),
    ),
}


async def story() -> None:
    async with screen(boot()) as hands:
        await hands.press("ctrl+g")
        await hands.until(lambda: "good morning" in hands.text)
        await hands.press("ctrl+p")
        await hands.press(*"good morn")
        await hands.until(lambda: "Say good morning" in hands.text)


def uses() -> None:
    asyncio.run(story())
