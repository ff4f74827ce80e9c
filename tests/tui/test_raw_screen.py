"""On the screen nothing that others say is obeyed: not by the terminal, not as markup."""

import asyncio
import re
import unicodedata
from pathlib import Path

import pytest

from emu import open_session
from tests.raw import CORPUS, hostile_shim
from tests.tui.driving import Hands, screen
from tests.tui.terminal import Terminal
from tui.panels import PANELS
from tui.visible import visible

_OURS = re.compile(
    r"\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b\]22;\w*\x1b\\|\x1b\]22;\w*\x07|\x1b[=>78]"
)
"""What the screen itself sends: CSI sequences (ECMA-48, 5.4), the pointer's shape, keypad."""
_CLEARING = ("\x1b[2J", "\x1b[3J", "\x1bc")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shim, hostile."""
    return hostile_shim(tmp_path_factory.mktemp("raw") / "x\x1b]0;PWN\x07.elf")


def obeyed(raw: bytes) -> str:
    """What else than its own sequences a terminal would obey in these bytes."""
    left = _OURS.sub("", raw.decode("utf-8"))
    return "".join(
        one for one in left if one not in "\r\n" and unicodedata.category(one)[0] == "C"
    )


TYPED = (
    "break \x9b2J[b]PWN!", "watch gpa:0x8402000/8", "mark \u202e[b]x", "list \u202eemun[/]xy",
    "nonsense \x9b2J", "print \u202e", "waits", "why", "events", "exits", "find [bold]",
    "inject nmi 1 at \u202eemun[/]xy", "goto end", "serial",
)  # fmt: skip


def test_a_terminal_is_sent_nothing_that_a_hostile_image_says(shim: Path) -> None:
    with Terminal(str(shim), "--cpus", "2", size=(120, 40)) as terminal:
        terminal.wait_for("before the first instruction")
        terminal.press(":run\r")
        terminal.wait_for("switched off")
        for text in TYPED:
            terminal.press(f":{text}\r")
        for panel in PANELS:
            terminal.press(f":show {panel.id}\r\t")
        terminal.press(":nonsense of the end\r")
        terminal.wait_for("nonsense of the end")
        assert obeyed(terminal.raw) == ""
        assert not [one for one in _CLEARING if one.encode() in terminal.raw]
        assert b"PWN" in terminal.raw


async def every_panel(hands: Hands) -> str:
    """The texts of the screen with each panel in front."""
    seen = []
    for panel in PANELS:
        if panel.id != "status":
            hands.app.parts.arranging.show_panel(panel.id)
            await hands.pilot.pause()
            seen.append(hands.text)
    return "\n".join(seen)


def test_markup_in_names_and_texts_is_shown_and_not_obeyed(shim: Path) -> None:
    async def story() -> None:
        async with screen(open_session(str(shim), cpus=2)) as hands:
            await hands.type("run")
            seen = await every_panel(hands)
            assert "[bold]x" in seen, seen
            await hands.press("ctrl+p")
            hands.tap(*"[b]xyz[/]")
            await hands.until(lambda: "Walk [b]xyz[/]" in hands.text)
            assert not hands.app._exit

    asyncio.run(story())


def test_a_title_with_brackets_is_shown_whole(shim: Path) -> None:
    async def story() -> None:
        async with screen(open_session(str(shim), cpus=2)) as hands:
            hands.app.parts.dialogs.inject("skew")
            await hands.until(lambda: "Inject skew CPU NS [SIDE]" in hands.text)

    asyncio.run(story())


@pytest.mark.parametrize("what", CORPUS)
def test_a_name_in_the_palette_is_shown_as_it_is(what: str) -> None:
    shown = visible(CORPUS[what])
    assert not [one for one in shown.plain if unicodedata.category(one)[0] == "C"]
    assert not shown.spans
