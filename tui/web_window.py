"""A session's process, and the pipes between it and a browser's window."""

import asyncio
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Any, Final

from textual_serve.app_service import AppService

DRIVER: Final = "tui.web_driver:BrowserDriver"
LEAVE_SECONDS: Final = 2.0
"""How long a session may take to leave when it is asked; then it is made to."""


class Window(AppService):
    """As textual-serve's, without a shell between server and session, and with an end."""

    def __init__(self, command: list[str], **given: Any) -> None:
        super().__init__("", **given)
        self._words = command

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        environment = self._build_environment(width, height)
        environment["TEXTUAL_DRIVER"] = DRIVER
        self._process = process = await asyncio.create_subprocess_exec(
            *self._words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
        )
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Hand on what the session shows; when it has ended, however that was, so has its
        window."""
        await super().run()
        await self.remote_close()

    async def on_data(self, payload: bytes) -> None:
        """A window that has just been closed: what the session still shows is read all the
        same, or it would wait for its reader and never leave."""
        with suppress(ConnectionError):
            await super().on_data(payload)

    async def stop(self) -> None:
        """The session leaves, and keeps what it keeps; one that does not is made to."""
        process = self._process
        if process is None:
            return
        await self.send_meta({"type": "quit"})
        for end in (process.terminate, process.kill, None):
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), LEAVE_SECONDS)
            if process.returncode is not None or end is None:
                return
            with suppress(ProcessLookupError):
                end()
