"""The palette finds whatever there is by the words that people type."""

import asyncio
from typing import cast

import pytest

from emu.debug import language
from emu.debug.screen_words import SCREEN_WORDS
from tests.tui import builder
from tests.tui.driving import Hands, screen
from tests.tui.still_door import Still
from tui.app import ApdbgApp
from tui.keys import KEYS
from tui.palette import Finder
from tui.panels import PANELS

BEST = 6
"""So many lines the palette shows in a low terminal."""


async def found(app: ApdbgApp, query: str) -> list[str]:
    """What the palette lists first."""
    finder = Finder(app.screen)
    hits = [hit async for hit in finder.search(query)]
    hits.sort(key=lambda hit: -hit.score)
    return [cast(str, hit.text) for hit in hits[:BEST]]


def test_every_command_is_found_by_its_word_and_every_key_by_its_help() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            for word, command in language.BY_WORD.items():
                assert command.usage in await found(hands.app, word), word
            for word, one in SCREEN_WORDS.items():
                assert one.usage in await found(hands.app, word), word
            for key in KEYS:
                if key.id != "palette":
                    text = key.help[0].upper() + key.help[1:]
                    assert text in await found(hands.app, key.help), key.id
                    assert text in await found(hands.app, key.id), key.id
            for panel in PANELS:
                if panel.id != "status":
                    assert f"Show panel {panel.title}" in await found(hands.app, panel.title)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("query", "line"),
    [
        # what people typed and did not find
        ("theme", "Choose other colours"),
        ("colours", "Choose other colours"),
        ("dark", "Theme textual-dark"),
        ("help", "help WORD"),
        ("export", "export FILE"),
        ("watch", "watch PLACE ACCESS"),
        ("catch", "catch KIND TEXT"),
        ("clipboard", "copy [PANEL]"),
        ("perfetto", "export FILE"),
        ("back instructions", "reverse-step CPU COUNT WHAT"),
        ("device tree", "Show panel DTB"),
        ("who wrote", "last-writer PLACE"),
        ("zoom", "Let this panel fill the screen, and back"),
        ("quit", "Quit"),
        ("x/", "examine WHERE COUNT FORM"),
        ("continue", "run TICKS"),
        ("screenshot", "Save the screen as an SVG picture"),
        ("exit", "Quit"),
        ("restart", "Begin again, as a branch: what was done stays; breakpoints stay"),
        ("undo", "Step the selected CPU back; 20S twenty times"),
        ("stack trace", "bt CPU"),
        ("hexdump", "mem WHERE COUNT KIND"),
        ("disassemble", "list WHERE"),
        ("page walk", "walk WHERE ACCESS"),
        ("page tables", "tables TEXT"),
        ("deadlock", "waits"),
        ("shortcuts", "Explain the panel in focus"),
        ("maximize", "Let this panel fill the screen, and back"),
        ("call stack", "Show the stack of the selected CPU, frame by frame"),
        ("messages", "notices"),
        ("bug report", "report FILE"),
        ("ept", "Show panel NPT"),
        ("parked", "Explain parked"),
        ("inj nmi", "Inject nmi ..."),
        ("zom", "Let this panel fill the screen, and back"),
    ],
)
def test_words_that_people_type_find_what_they_mean(query: str, line: str) -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped())) as hands:
            assert line in await found(hands.app, query)

    asyncio.run(story())


def test_a_command_that_takes_something_is_begun_in_the_prompt() -> None:
    async def story() -> None:
        session = Still(builder.stopped())
        async with screen(session, (80, 24)) as hands:
            await chosen(hands, "export")
            await hands.until(lambda: hands.row(-1).startswith(": export"))
            await hands.press("escape")
            await chosen(hands, "branches")
            await hands.until(lambda: bool(session.begun))
            assert session.begun == ["branches"]

    asyncio.run(story())


async def chosen(hands: Hands, word: str) -> None:
    """The first line of what the palette finds for a word."""
    await hands.press("ctrl+p", *word)
    await hands.until(lambda: language.BY_WORD[word].usage in hands.text)
    await hands.press("enter")


def test_a_theme_is_chosen_by_its_name() -> None:
    async def story() -> None:
        async with screen(Still(builder.stopped()), (80, 24)) as hands:
            name = next(one for one in hands.app.available_themes if one != hands.app.theme)
            finder = Finder(hands.app.screen)
            hits = [hit async for hit in finder.search(f"theme {name}")]
            best = max(hits, key=lambda hit: hit.score)
            best.command()
            assert hands.app.theme == name

    asyncio.run(story())
