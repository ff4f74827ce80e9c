"""The server behind `--web`: who may ask it, the page, and a session for each browser window.

Whoever reaches a session can read and write files as the user does. So the server listens on
loopback alone; it refuses a Host that is none of its names (a foreign name that was made to
resolve to 127.0.0.1) and an Origin that is not its own (a foreign page in the user's browser);
and its address has a secret in it, since other users of this machine reach 127.0.0.1 too.
"""

import asyncio
import json
import secrets
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import textual_serve
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from aiohttp.typedefs import Middleware
from textual_serve.download_manager import DownloadManager

from emu.errors import ApdbgError
from emu.given.number import is_digits
from tui.exit_codes import EXIT_INTERRUPTED
from tui.printing import say
from tui.web_page import headers, page
from tui.web_window import Window

MESSAGE_BYTES_MAX: Final = 1 << 20
CELLS_MAX: Final = 1_000
"""Columns or rows of a window: a browser says them, and a screen is drawn for them."""
_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_STATIC: Final = Path(textual_serve.__file__).parent / "static"
_STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Its address, and the windows that are open."""

    def __init__(self, command: list[str], host: str, port: int) -> None:
        self.command = command
        self.place = f"{host}:{port}"
        self.secret = secrets.token_urlsafe(16)
        self.hosts = {f"{name}:{port}" for name in _NAMES} | set(_NAMES if port == 80 else ())
        self.origins = {f"http://{name}" for name in self.hosts}
        self.windows: dict[web.WebSocketResponse, Window] = {}

    def app(self) -> web.Application:
        """What aiohttp serves; what does not stand behind the secret is not there."""
        app = web.Application(middlewares=[self._guarded()])
        root = f"/{self.secret}"
        app.router.add_get(f"{root}/", self._page)
        app.router.add_get(f"{root}/ws", self._window)
        app.router.add_static(f"{root}/static", _STATIC)
        app.on_response_prepare.append(self._with_headers)
        app.on_shutdown.append(self._close_all)
        return app

    def _guarded(self) -> Middleware:
        """Foreigners are refused before it is looked what they ask for."""

        @web.middleware
        async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
            own = request.headers.get("Origin") in (None, *self.origins)
            if not own or request.host not in self.hosts:
                raise web.HTTPForbidden(text="apdbg answers its own page on this machine\n")
            return await handler(request)

        return guarded

    async def _with_headers(self, request: web.Request, answer: web.StreamResponse) -> None:
        known = request.host in self.hosts
        answer.headers.update(headers(request.host if known else self.place))

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=page(request.host, self.secret), content_type="text/html")

    async def _window(self, request: web.Request) -> web.WebSocketResponse:
        """A session, for as long as its window is open."""
        socket = web.WebSocketResponse(heartbeat=15, max_msg_size=MESSAGE_BYTES_MAX)
        await socket.prepare(request)

        async def close() -> None:
            await socket.close()

        window = Window(
            self.command, write_bytes=socket.send_bytes, write_str=socket.send_str, close=close,
            download_manager=DownloadManager(),
        )  # fmt: skip
        self.windows[socket] = window
        columns, rows = (_cells(request.query.get(key)) for key in ("width", "height"))
        try:
            await window.start(columns, rows)
            async for message in socket:
                await _hand_on(message, window)
        finally:
            del self.windows[socket]
            await window.stop()
        return socket

    async def _close_all(self, _app: web.Application) -> None:
        """The server ends, and its sessions with it."""
        windows = list(self.windows.items())
        await asyncio.gather(*(window.stop() for _, window in windows))
        for socket, _ in windows:
            await socket.close(code=WSCloseCode.GOING_AWAY)


def _cells(said: object) -> int:
    """A number of columns or rows, as an address or a message says it."""
    text = str(said)
    return min(int(text), CELLS_MAX) if is_digits(text) else 80


async def _hand_on(message: WSMessage, window: Window) -> None:
    """What a browser sends: a list of a word and a value. Anything else is passed over."""
    if message.type != WSMsgType.TEXT:
        return
    try:
        match message.json():
            case ["stdin", str(typed)]:
                await window.send_bytes(typed.encode("utf-8", "replace"))
            case ["resize", {"width": width, "height": height}]:
                await window.set_terminal_size(_cells(width), _cells(height))
            case ["ping", str(when)]:
                await window.remote_write_str(json.dumps(["pong", when]))
            case ["focus", *_]:
                await window.focus()
            case ["blur", *_]:
                await window.blur()
    except (ValueError, RecursionError):
        return


async def _serve(server: Server, host: str, port: int) -> None:
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stopped = asyncio.Event()
    for name in _STOPS:
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            why = error.strerror or error
            raise ApdbgError(f"--web: {server.place} cannot be served: {why}") from None
        say(f"http://{server.place}/{server.secret}/ shows the screen; Ctrl+C ends it\n"
            f"whoever has this address and reaches {server.place} on this machine can run "
            "commands in these sessions, read and write files as you")  # fmt: skip
        await stopped.wait()
    finally:
        await runner.cleanup()


def serve(command: list[str], host: str, port: int) -> int:
    """Serve until a signal ends it; raises ApdbgError where the port cannot be had."""
    asyncio.run(_serve(Server(command, host, port), host, port))
    return EXIT_INTERRUPTED
