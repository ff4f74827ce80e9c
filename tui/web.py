"""The same screen in a browser of this machine, by the optional package textual-serve."""

import sys
from collections.abc import Sequence
from typing import Final

from emu.errors import ApdbgError

HOST: Final = "127.0.0.1"
"""Nobody on another machine may debug here."""
PORT_MAX: Final = 65_535


def command(words: Sequence[str]) -> list[str]:
    """The words that every browser window runs: these without `--web`."""
    rest, skip = [], False
    for word in words:
        if skip or word == "--web" or word.startswith("--web="):
            skip = word == "--web"
            continue
        rest.append(word)
    return [sys.executable, "-m", "tui", *rest]


def serve(words: Sequence[str], port: int) -> int:
    """Serve until interrupted; raises ApdbgError where the package is missing, or the port is
    somebody else's."""
    if port > PORT_MAX:
        raise ApdbgError(f"--web: {port} is no port: 1 to {PORT_MAX:,}")
    try:
        from tui import web_server
    except ImportError:
        raise ApdbgError("--web needs one more package: pip install 'apdbg[web]'") from None
    return web_server.serve(command(words), HOST, port)
