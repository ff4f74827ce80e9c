"""The screen in a browser: the served page, and the bytes behind it, asked for as one would."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile

import aiohttp
import pytest

from emu.errors import ApdbgError
from tests.tui.driving import SHIM
from tests.tui.terminal import ROOT
from tui import web

PATIENCE_SECONDS = 30.0


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind((web.HOST, 0))
        port: int = found.getsockname()[1]
        return port


async def looked(port: int) -> tuple[str, bytes]:
    """The page, and what the screen sends until its first picture is there."""
    base = f"http://{web.HOST}:{port}"
    async with aiohttp.ClientSession() as client, asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                async with client.get(base) as answer:
                    page = await answer.text()
                    break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0)
        seen = b""
        async with client.ws_connect(f"{base}/ws?width=120&height=40") as socket_:
            while b"before the first instruction" not in seen:
                message = await socket_.receive()
                if message.type == aiohttp.WSMsgType.BINARY:
                    seen += message.data
                elif message.type == aiohttp.WSMsgType.TEXT:
                    seen += str(json.loads(message.data)).encode()
                else:
                    break
        return page, seen


@pytest.mark.skipif(not SHIM.exists(), reason="the sample shim is not built")
def test_a_browser_gets_the_same_screen_from_loopback_only() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        server = subprocess.Popen(
            [sys.executable, "-m", "tui", "samples/shim.elf", "--fresh", "--web", str(port)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": home},
        )  # fmt: skip
        try:
            page, seen = asyncio.run(looked(port))
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)
    assert "apdbg" in page
    assert b"before the first instruction" in seen


def test_the_command_of_a_window_is_this_one_without_the_option() -> None:
    assert web.command(["a b.elf", "--web", "80", "--cpus", "3"]).endswith(
        "-m tui 'a b.elf' --cpus 3"
    )
    assert web.command(["--web=80", "x.elf"]).endswith("-m tui x.elf")


def test_a_port_that_is_none_is_a_sentence() -> None:
    with pytest.raises(ApdbgError, match="70000 is no port"):
        web.serve([], 70_000)
