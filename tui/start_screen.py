"""`apdbg IMAGE`: a session on the screen of this terminal, or in lines."""

import argparse
import os
import sys

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
from tui.terminals import places_no_text
from tui.tour_start import TourStart


def screen(options: argparse.Namespace) -> int:
    """Open it; with `--record` all that happens is written to a file."""
    choose(options)
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


def choose(options: argparse.Namespace) -> None:
    """Settle on lines where the terminal takes nothing else; raises ApdbgError where there is
    no terminal and nobody has asked for lines."""
    if options.lines:
        return
    need_terminal()
    why = places_no_text(os.environ)
    if why:
        say(f"{why}, so this session goes on in lines, as with --lines.")
        options.lines = True


def need_terminal() -> None:
    """Raise ApdbgError where there is no terminal."""
    if os.environ.get("TEXTUAL_DRIVER"):
        return  # a browser is at the other end
    if any(one is None or not one.isatty() for one in (sys.stdin, sys.stdout)):
        raise ApdbgError(
            "the screen needs a terminal, and here is none: `apdbg run` boots without one, "
            "`apdbg --lines` takes commands line by line"
        )


def show(session: Session, options: argparse.Namespace, start: TourStart | None = None) -> int:
    """Show a session until it is left; returns the exit code."""
    preset = keymap.read(options.keys, user_config_path("apdbg") / keymap.FILE_NAME)
    folder = state_folder()
    sha256 = session.desk.setup.image.sha256
    memory = None if folder is None else Memory(folder, sha256, fresh=options.fresh)
    if getattr(options, "lines", False):
        from tui import lines

        return lines.show(session, preset, memory)
    from tui.app import open_screen

    session.in_slices = True
    for name in ("COLUMNS", "LINES"):  # of no use, they would be believed all the same
        if not is_digits(os.environ.get(name, "80")) or not int(os.environ.get(name, "80")):
            del os.environ[name]
    return open_screen(session, preset, memory, start)
