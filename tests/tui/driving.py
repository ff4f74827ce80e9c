"""Driving the app by keys in tests: opening it, waiting for what it shows, reading it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual import events
from textual.pilot import Pilot

from emu import open_session
from emu.picture.view import MachineView
from tui.app import ApdbgApp
from tui.door import Door
from tui.frame import Frame
from tui.text import plain

SHIM = Path(__file__).parents[2] / "samples" / "shim.elf"
PATIENCE_SECONDS = 30.0
_NAMES = {
    ":": "colon", " ": "space", "_": "underscore", "+": "plus", ".": "full_stop",
    "?": "question_mark", "[": "left_square_bracket", "]": "right_square_bracket",
    "<": "less_than_sign", ">": "greater_than_sign", "(": "left_parenthesis",
    ")": "right_parenthesis", "/": "slash",
}  # fmt: skip


def boot(cpus: int = 2) -> Door:
    """A real session on the sample, before its first instruction."""
    return open_session(str(SHIM), platform="tdx", cpus=cpus)


def text_of(app: ApdbgApp) -> str:
    """What the screen shows, row by row."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


class Hands:
    """Someone at the keyboard."""

    def __init__(self, app: ApdbgApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def seen(self) -> MachineView:
        """The picture that is shown."""
        return self.app.desk.seen

    @property
    def session(self) -> Door:
        """What is debugged."""
        return self.app.desk.session

    @property
    def frame(self) -> Frame:
        """Where keys go."""
        return self.app.desk.frames.current

    async def press(self, *keys: str) -> None:
        """Keys by Textual's names, or single characters."""
        await self.pilot.press(*(_NAMES.get(key, key) for key in keys))
        await self.pilot.pause()

    def tap(self, *keys: str) -> None:
        """Keys without waiting for anything, as they come while the machine runs."""
        for key in keys:
            character = key if len(key) == 1 else None
            self.app.post_message(events.Key(_NAMES.get(key, key), character))

    async def type(self, text: str) -> None:
        """A command at the prompt in one go, as a terminal hands on what is pasted, with
        Enter; waits until it has been carried out."""
        await self.press(":")
        self.tap(*text)
        await self.press("enter")
        await self.settle()

    async def settle(self) -> None:
        """Wait until no command runs."""
        await self.until(lambda: not self.session.running and not self.seen.running)
        await self.pilot.pause()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the app work until something holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"never came true:\n{text_of(self.app)}"
            await asyncio.sleep(0)

    @property
    def text(self) -> str:
        """The whole screen."""
        return text_of(self.app)

    def panel(self, panel_id: str) -> str:
        """What a panel that is shown says, its rows joined."""
        frame = next(one for one in self.app.desk.frames.placed if one.panel.id == panel_id)
        return " ".join(" ".join(plain(row) for row in frame.page.lines).split())

    def row(self, number: int) -> str:
        """One row; -1 is the lowest."""
        return self.text.splitlines()[number].strip()


@asynccontextmanager
async def screen(session: Door, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Hands]:
    """The app on a session in a terminal of this size."""
    app = ApdbgApp(session)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Hands(app, pilot)
