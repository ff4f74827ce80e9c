"""`apdbg IMAGE`: a session on the screen of this terminal, or in lines."""

import argparse
import os
import sys
from collections.abc import Mapping

from platformdirs import user_config_path

from emu import Session
from emu.errors import ApdbgError
from emu.given.files import live_file
from emu.given.number import is_digits
from tui import keymap
from tui.headless import opened
from tui.kept import Memory
from tui.printing import say
from tui.state_folder import state_folder


def screen(options: argparse.Namespace) -> int:
    """Open it; with `--record` all that happens is written to a file."""
    choose(options)
    session = opened(options)
    if not options.record:
        return show(session, options)
    with live_file(options.record) as file:
        session.record(file)
        code = show(session, options)
        session.pause()  # what is recorded last is no moment on the way through the past
        session.end_recording()
    return code


def choose(options: argparse.Namespace) -> None:
    """Settle on lines where the terminal takes nothing else; raises ApdbgError where there is
    no terminal and nobody has asked for lines."""
    if options.lines or os.environ.get("TEXTUAL_DRIVER"):
        return  # the driver: a browser is at the other end
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise ApdbgError(
            "the screen needs a terminal, and here is none: `apdbg run` boots without one, "
            "`apdbg --lines` takes commands line by line"
        )
    why = places_no_text(os.environ)
    if why:
        say(f"{why}, so this session goes on in lines, as with --lines.")
        options.lines = True


def places_no_text(settings: Mapping[str, str]) -> str:
    """Why the terminal cannot show a screen, empty if it can. One that is in no list may well
    be able to; one that is there, and has no way to place its cursor, is not."""
    term = settings.get("TERM", "")
    if term in ("", "dumb"):
        return f"TERM is {term or 'not set'}: this terminal cannot place text"
    try:
        import curses

        curses.setupterm(term)
        able = curses.tigetstr("cup")
    except (ImportError, curses.error):
        return ""
    return "" if able else f"TERM is {term}: this terminal cannot place text"


def show(session: Session, options: argparse.Namespace) -> int:
    """Show a session until it is left; returns the exit code."""
    preset = keymap.read(options.keys, user_config_path("apdbg") / keymap.FILE_NAME)
    folder = state_folder()
    sha256 = session.desk.setup.image.sha256
    memory = None if folder is None else Memory(folder, sha256, fresh=options.fresh)
    if options.lines:
        from tui import lines

        return lines.show(session, preset, memory)
    from tui.app import open_screen

    session.in_slices = True
    for name in ("COLUMNS", "LINES"):  # of no use, they would be believed all the same
        if not is_digits(os.environ.get(name, "80")) or not int(os.environ.get(name, "80")):
            del os.environ[name]
    return open_screen(session, preset, memory)
