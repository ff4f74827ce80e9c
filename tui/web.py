"""The same screen in a browser of this machine, by the optional package textual-serve."""

import shlex
import sys
from collections.abc import Sequence
from typing import Final

from emu.errors import ApdbgError

HOST: Final = "127.0.0.1"
"""Nobody else may debug here: there is no password."""
PORT_MAX: Final = 65_535


def command(words: Sequence[str]) -> str:
    """The command line that every browser window runs: this one without `--web`."""
    rest, skip = [], False
    for word in words:
        if skip or word == "--web" or word.startswith("--web="):
            skip = word == "--web"
            continue
        rest.append(word)
    return shlex.join([sys.executable, "-m", "tui", *rest])


def serve(words: Sequence[str], port: int) -> int:
    """Serve until interrupted; raises ApdbgError where the package is missing."""
    if port > PORT_MAX:
        raise ApdbgError(f"--web: {port} is no port: 1 to {PORT_MAX:,}")
    try:
        from textual_serve.server import Server
    except ImportError:
        raise ApdbgError("--web needs one more package: pip install 'apdbg[web]'") from None
    Server(command(words), host=HOST, port=port, title="apdbg").serve()
    return 0
