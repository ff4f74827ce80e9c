"""The screen in a browser: asked for as a browser does, and as those do who should not."""

import asyncio
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest

from emu.errors import ApdbgError
from tests.tui.driving import SHIM
from tests.tui.terminal import ROOT
from tui import web

PATIENCE_SECONDS = 30.0
GONE_SECONDS = 2.0
"""How long a session may outlive its server."""
FIRST = "before the first instruction"

needs_descriptors = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="the end of another's child cannot be waited for"
)
pytestmark = pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind((web.HOST, 0))
        port: int = found.getsockname()[1]
        return port


class Served:
    """A server of the sample shim, and what it said of itself."""

    def __init__(self, home: Path, *words: str) -> None:
        self.port = free_port()
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", "samples/shim.elf", "--web", str(self.port), *words],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(home)},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline() + self.process.stdout.readline()
        self.address = self.said.split()[0]

    def sessions(self) -> list[int]:
        """The processes that it has started."""
        own = self.process.pid
        text = Path(f"/proc/{own}/task/{own}/children").read_text()
        return [int(word) for word in text.split()]


@contextmanager
def served(home: Path, *words: str) -> Iterator[Served]:
    """A server that is gone behind this."""
    server = Served(home, *words)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all who only ask it."""
    with served(tmp_path_factory.mktemp("web"), "--fresh") as found:
        yield found


@asynccontextmanager
async def window(server: Served) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A browser's window in which the first picture has been shown."""
    place = f"{server.address}ws?width=120&height=40".replace("http", "ws")
    async with (
        aiohttp.ClientSession() as client,
        asyncio.timeout(PATIENCE_SECONDS),
        client.ws_connect(place) as socket_,
    ):
        await shown(socket_, FIRST)
        yield socket_


async def shown(socket_: aiohttp.ClientWebSocketResponse, words: str) -> None:
    """Read until the screen has sent these words."""
    seen = ""
    while words not in seen:
        message = await socket_.receive()
        assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), seen
        data = message.data
        seen += data if isinstance(data, str) else data.decode("utf-8", "replace")


def asked(server: Served, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers of an answer."""

    async def ask() -> tuple[int, str, dict[str, str]]:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{server.address}{path}", headers=headers) as answer,
        ):
            return answer.status, (await answer.read()).decode("latin-1"), dict(answer.headers)

    return asyncio.run(ask())


def wait_until_gone(ends: list[int], seconds: float) -> None:
    """Fail if one of these processes, given as descriptors, is there longer than that."""
    deadline = time.monotonic() + seconds
    for end in ends:
        assert select.select([end], [], [], max(deadline - time.monotonic(), 0))[0]
        os.close(end)


def test_a_window_shows_the_screen(server: Served) -> None:
    async def look() -> None:
        async with window(server):
            pass

    asyncio.run(look())


def test_the_server_says_where_it_is_and_what_it_exposes(server: Served) -> None:
    first, second = server.said.splitlines()
    assert re.fullmatch(
        rf"http://127\.0\.0\.1:{server.port}/[\w-]{{22}}/ shows the screen; Ctrl\+C ends it",
        first,
    )
    assert f"reaches 127.0.0.1:{server.port} on this machine can run commands" in second
    assert second.endswith("read and write files as you")


def test_nobody_else_than_loopback_reaches_it(server: Served) -> None:
    own = socket.gethostbyname(socket.gethostname())
    for other in {"127.0.0.2", own} - {web.HOST}:
        with socket.socket() as probe:
            probe.settimeout(1)
            assert probe.connect_ex((other, server.port)) != 0


PATHS = ("", "ws", "static/js/textual.js", "nothing")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"}, {"Host": "evil.example:{port}"}, {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1"}, {"Host": "localhost.evil.example:{port}"}, {"Host": ""},
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""},
        {"Origin": "https://127.0.0.1:{port}"}, {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:{port}.evil.example"}, {"Origin": "file://"},
    ],
)  # fmt: skip
def test_a_foreign_host_or_origin_is_refused_everywhere(
    server: Served, path: str, headers: dict[str, str]
) -> None:
    ours = {key: value.replace("{port}", str(server.port)) for key, value in headers.items()}
    status, body, _ = asked(server, path, **ours)
    assert status == 403 and server.address.split("/")[3] not in body


def test_a_foreign_page_opens_no_window(server: Served) -> None:
    async def attempt() -> None:
        place = f"{server.address}ws".replace("http", "ws")
        async with aiohttp.ClientSession() as client:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect(place, headers={"Origin": "http://evil.example"})
        assert refused.value.status == 403

    before = server.sessions()
    asyncio.run(attempt())
    assert server.sessions() == before


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_its_own_names_are_answered(server: Served, name: str) -> None:
    host = f"{name}:{server.port}"
    status, body, _ = asked(server, "", Host=host, Origin=f"http://{host}")
    assert status == 200
    assert f'"ws://{host}/{server.address.split("/")[3]}/ws"' in body


@pytest.mark.parametrize("path", ["/", "/ws", "/x/", "/x/ws", "/static/js/textual.js"])
def test_nothing_is_there_without_the_secret(server: Served, path: str) -> None:
    async def ask() -> int:
        place = f"http://{web.HOST}:{server.port}{path}"
        async with aiohttp.ClientSession() as client, client.get(place) as answer:
            return answer.status

    assert asyncio.run(ask()) == 404


def test_the_page_loads_nothing_from_elsewhere(server: Served) -> None:
    _, body, headers = asked(server, "")
    links = re.findall(r"""(?:src|href)="([^"]*)"|url\("([^"]*)"\)""", body)
    places = [one or other for one, other in links if one or other]
    assert len(places) == 4 and not [one for one in places if ":" in one or one[0] == "/"]
    for place in places:
        assert asked(server, place)[0] == 200, place
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'self'" and policy["frame-ancestors"] == "'none'"
    assert "script-src" not in policy  # so it is what default-src says: no script in the page
    assert "<script>" not in body and " on" not in re.sub(r">[^<]*<", "><", body)
    for path in ("", "nothing", "static/css/xterm.css"):
        found = asked(server, path)[2]
        assert found["X-Content-Type-Options"] == "nosniff"
        assert found["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in found["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["static/", "static/../server.py", "static/%2e%2e/server.py"])
def test_only_its_own_files_are_served(server: Served, path: str) -> None:
    assert asked(server, path)[0] in (403, 404)


MESSAGES = (
    "", "{", "[]", "{}", "null", "[" * 100_000, '["stdin"]', '["stdin", 1]', '["resize", 7]',
    '["resize", {"width": "x", "height": -1}]', '["resize", {"width": 1e99, "height": 2}]',
    '["stdin", "\\ud800"]', '["ping", {}]', '["quit"]', '["deliver_chunk_request", 1]',
)  # fmt: skip


def test_messages_that_are_none_are_passed_over(server: Served) -> None:
    async def talk() -> None:
        async with window(server) as socket_:
            for message in MESSAGES:
                await socket_.send_str(message)
            await socket_.send_bytes(b"\0")
            await socket_.send_str(json.dumps(["ping", "7"]))
            await shown(socket_, '["pong", "7"]')

    asyncio.run(talk())


ENDS: dict[str, Callable[[Served], int | None]] = {
    "kill -9 of the server": lambda server: server.process.kill(),
    "SIGTERM to the server": lambda server: server.process.terminate(),
    "Ctrl+C of the server": lambda server: server.process.send_signal(signal.SIGINT),
    "SIGTERM to the session": lambda server: os.kill(server.sessions()[0], signal.SIGTERM),
}


@needs_descriptors
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("running", [False, True])
def test_a_session_ends_with_its_server_and_keeps_its_state(
    tmp_path: Path, end: str, running: bool
) -> None:
    async def open_and_end(server: Served) -> list[int]:
        async with window(server) as socket_:
            await typed(socket_, ":break mailbox_ack\r")
            await shown(socket_, "mailbox_ack")
            if running:
                await typed(socket_, ":hold 0\r:hold 1\r:run 900000000\r")
            sessions = list(map(os.pidfd_open, server.sessions()))
            ENDS[end](server)
            await asyncio.to_thread(wait_until_gone, sessions, GONE_SECONDS)
            return sessions

    with served(tmp_path) as server:
        assert len(asyncio.run(open_and_end(server))) == 1
        if "server" in end and "-9" not in end:
            assert server.process.wait(PATIENCE_SECONDS) == 130
    (kept,) = (tmp_path / "apdbg").glob("*.json")
    assert "break mailbox_ack" in json.loads(kept.read_text())["breakpoints"][0]


async def typed(socket_: aiohttp.ClientWebSocketResponse, keys: str) -> None:
    """Keys as a browser sends them."""
    await socket_.send_str(json.dumps(["stdin", keys]))


@needs_descriptors
def test_a_closed_window_ends_its_session_and_no_other(server: Served) -> None:
    async def close_one() -> None:
        async with window(server) as first:
            (one,) = server.sessions()
            async with window(server):
                (other,) = [pid for pid in server.sessions() if pid != one]
                end = os.pidfd_open(other)
            await asyncio.to_thread(wait_until_gone, [end], PATIENCE_SECONDS)
            await first.send_str(json.dumps(["ping", "8"]))
            await shown(first, '["pong", "8"]')

    asyncio.run(close_one())


def test_a_session_that_cannot_begin_closes_its_window(tmp_path: Path) -> None:
    async def look(server: Served) -> None:
        place = f"{server.address}ws".replace("http", "ws")
        async with (
            aiohttp.ClientSession() as client,
            asyncio.timeout(PATIENCE_SECONDS),
            client.ws_connect(place) as socket_,
        ):
            assert (await socket_.receive()).type is aiohttp.WSMsgType.CLOSE

    with served(tmp_path, "--kernel", "nowhere") as server:
        asyncio.run(look(server))
        assert server.process.stdout is not None
        server.process.terminate()
        assert "apdbg: nowhere: cannot be read" in server.process.stdout.read()


def test_a_port_in_use_is_a_sentence(server: Served) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tui", "--web", str(server.port)],
        cwd=ROOT, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"apdbg: --web: 127.0.0.1:{server.port} cannot be served: ")
    assert done.stderr.count("\n") == 1


def test_the_command_of_a_window_is_this_one_without_the_option() -> None:
    own = [sys.executable, "-m", "tui"]
    assert web.command(["a b.elf", "--web", "80", "--cpus", "3"]) == [
        *own, "a b.elf", "--cpus", "3"
    ]  # fmt: skip
    assert web.command(["--web=80", "x.elf"]) == [*own, "x.elf"]


def test_a_port_that_is_none_is_a_sentence() -> None:
    with pytest.raises(ApdbgError, match="70000 is no port"):
        web.serve([], 70_000)
