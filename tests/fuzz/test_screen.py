"""Keys and lines of chance on the screen: whatever is pressed or typed, it stays open and no
mistake of ours is told."""

import asyncio
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.fuzz import words
from tests.shard import breadth, seeds
from tests.tui.driving import Hands, boot, screen
from tui.keys import KEYS

SCREENS: Final = 4
"""A day."""
ACTS: Final = 30
SIZES: Final = ((120, 40), (80, 24), (200, 50), (40, 10))
LEAVING: Final = ("quit", "quit.now", "interrupt", "suspend")
"""Actions that end the screen, or hand the terminal to somebody else."""
PRESSED: Final = tuple(
    key for one in KEYS if one.id not in LEAVING for key in one.keys if key != "q"
)
EDITING: Final = ("tab", "up", "down", "left", "right", "home", "end", "backspace", "delete",
                  "ctrl+w", "ctrl+u", "pageup", "pagedown", "escape", "enter")  # fmt: skip


async def act(hands: Hands, draw: Random) -> str:
    """One thing that somebody does; returns what."""
    kind = draw.randrange(4)
    if kind == 0:
        text = words.line(draw).replace("\n", " ")
        if text.split()[:1] and text.split()[0] in ("q", "q!", "quit", "exit", "wq"):
            return ""
        await hands.press(":")
        hands.tap(*text[:200])
        await hands.press(*draw.choices(EDITING, k=draw.randrange(3)), "enter")
        return f":{text[:200]}"
    keys = draw.choices(EDITING if kind == 1 else (*PRESSED, *"0123456789"), k=3)
    await hands.press(*keys)
    return " ".join(keys)


@pytest.mark.parametrize("seed", breadth(seeds(SCREENS), keep=1))
def test_a_screen_stays_whatever_is_pressed(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    draw, done = Random(seed), []

    async def story() -> None:
        async with screen(boot(2), size=draw.choice(SIZES)) as hands:
            for _ in range(ACTS):
                done.append(await act(hands, draw))
                assert not hands.app._exit, f"it has left: {done[-4:]}"
                assert not (tmp_path / "apdbg" / "bug.txt").exists(), (
                    f"seed {seed}: {done[-4:]}\n{(tmp_path / 'apdbg' / 'bug.txt').read_text()}"
                )
            hands.session.pause()

    asyncio.run(story())
