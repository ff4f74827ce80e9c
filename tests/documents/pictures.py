"""The pictures of the documents: screens of real runs, as the program saves them.

Each is made of an image, a size, and what somebody types; `python -m tests.documents` writes
them, and a picture that is no longer what the program shows is an error.
"""

import os
import re
from pathlib import Path
from typing import Final
from unittest.mock import patch

from msgspec import Struct

from emu import open_session
from emu.debug.what_if_chart import svg
from tests.documents.results import stored
from tests.tui import driving
from tui.screenshot import svg_of

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs" / "pictures"


TERMINAL: Final = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
"""Where pictures are drawn, wherever a test runs: all colours, all signs, in English."""
NOT_SET: Final = ("NO_COLOR", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES")


class Recipe(Struct, frozen=True):
    """How a screen comes to be."""

    typed: tuple[str, ...] = ()
    """Keys, and with a colon commands."""
    image: str = "shim.elf"
    platform: str = "tdx"
    size: tuple[int, int] = (120, 40)


PICTURES: Final[dict[str, Recipe]] = {
    "screen": Recipe(("c", ":watch mailbox.command", "C")),
    "power-on": Recipe(size=(100, 30)),
    "started": Recipe((":until start_aps", ":until reset_long", ":walk rip")),
    "parked": Recipe((":until wake_aps",)),
    "wake-up": Recipe((":until wake_aps", ":watch mailbox.command", "c")),
    "tree": Recipe((":until kernel_start", ":dtb diff", "z"), size=(100, 36)),
    "finding": Recipe(("c", "w"), "gallery/truncated-vector.elf"),
    "profile": Recipe(("c", ":profile", "z"), size=(120, 28)),
    "critical": Recipe(("c", ":profile critical", "z"), size=(120, 40)),
    "back": Recipe(
        ("c", ":goto mailbox_ack", ":hold 1", "c", ":diff main branch2"), size=(120, 40)
    ),
}
"""By the name of the file."""


CHARTS: Final = {"what_if": "what_if", "what_if_bare": "what_if_bare"}
"""By the name of the file: the results of docs/results/ that are drawn in it."""


def charted(results: str) -> str:
    """Results as SVG."""
    return svg(stored(results))


async def drawn(recipe: Recipe) -> str:
    """A screen as SVG."""
    with patch.dict(os.environ, TERMINAL):
        for name in NOT_SET:
            os.environ.pop(name, None)
        return await _drawn(recipe)


async def _drawn(recipe: Recipe) -> str:
    session = open_session(
        str(ROOT / "samples" / recipe.image), platform=recipe.platform, cpus=4
    )
    async with driving.screen(session, recipe.size) as hands:
        for one in recipe.typed:
            if one.startswith(":"):
                await hands.type(one[1:])
                assert "\n! " not in hands.text, f"{one}: {hands.text}"
            else:
                await hands.press(one)
                await hands.settle()
        return svg_of(hands.app)


def elsewhere(picture: str) -> list[str]:
    """Addresses from which a picture would load something."""
    return re.findall(r"url\((?!#)[^)]*\)|(?:src|href)\s*=\s*[\"'](?!#)[^\"']*", picture)
