"""`apdbg platform new`: a platform's file to begin with, every key in it with what it is."""

import argparse
from pathlib import Path

from emu.debug.platforms import new_platform
from emu.errors import ApdbgError
from tui.exit_codes import EXIT_EXPECTED
from tui.printing import say


def platform(options: argparse.Namespace) -> int:
    """Print it, or write it to a file that is not there yet."""
    name = options.file
    if name is None:
        say(new_platform(options.source, "mine").rstrip("\n"))
        return EXIT_EXPECTED
    path = Path(name if "/" in name or name.endswith(".toml") else f"{name}.toml")
    text = new_platform(options.source, path.stem)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ApdbgError(f"{path}: is there already: remove it, or give another name") from None
    say(f"{path}: as {options.source}; `apdbg --platform {path}` boots on it")
    return EXIT_EXPECTED
