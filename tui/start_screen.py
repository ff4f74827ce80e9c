"""`apdbg IMAGE`: a session on the screen of this terminal."""

import argparse
import os
import sys

from platformdirs import user_config_path

from emu import Session
from emu.errors import ApdbgError
from emu.given.files import live_file
from emu.given.number import is_digits
from tui import keymap
from tui.app import open_screen
from tui.headless import opened
from tui.last_session import Memory
from tui.state_folder import state_folder
from tui.tour import TourStart


def screen(options: argparse.Namespace) -> int:
    """Open it; with `--record` all that happens is written to a file."""
    need_terminal()
    session = opened(options)
    if not options.record:
        return show(session, options, _offer(options))
    with live_file(options.record) as file:
        session.record(file)
        code = show(session, options)
        session.pause()  # what is recorded last is no moment on the way through the past
        session.end_recording()
    return code


def _offer(options: argparse.Namespace) -> TourStart:
    """The tour is offered to who has asked for nothing, once."""
    if options.words:
        return TourStart()
    from tui.tour_memory import TourMemory

    return TourStart(offered=TourMemory(state_folder()).is_first())


def need_terminal() -> None:
    """Raise ApdbgError where there is no terminal for a screen."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return  # a browser is at the other end
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise ApdbgError("the screen needs a terminal: `apdbg run` boots without one")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise ApdbgError(
            "the screen needs a terminal that can place text: TERM is dumb or unset"
        )


def show(session: Session, options: argparse.Namespace, start: TourStart | None = None) -> int:
    """Show a session until it is left; returns the exit code. Raises ApdbgError where there is
    no terminal for it."""
    need_terminal()
    session.in_slices = True
    for name in ("COLUMNS", "LINES"):  # of no use, they would be believed all the same
        if not is_digits(os.environ.get(name, "80")) or not int(os.environ.get(name, "80")):
            del os.environ[name]

    preset = keymap.read(options.keys, user_config_path("apdbg") / keymap.FILE_NAME)
    folder = state_folder()
    sha256 = session.desk.setup.image.sha256
    memory = None if folder is None else Memory(folder, sha256, fresh=options.fresh)
    return open_screen(session, preset, memory, start)
