"""`apdbg tour`: the screen with a lesson, or the list of lessons."""

import argparse
import os

from emu import open_session
from emu.errors import ApdbgError
from emu.texts.language import language
from emu.tour.guide import Guide, lesson_of
from emu.tour.words import words
from tui.exit_codes import EXIT_EXPECTED
from tui.printing import say
from tui.start_screen import need_terminal, show
from tui.state_folder import state_folder
from tui.terminals import places_no_text
from tui.tour_memory import TourMemory
from tui.tour_start import TourStart


def tour(options: argparse.Namespace) -> int:
    """Begin a lesson, or say which there are."""
    if options.lesson:
        lesson_of(options.lesson)
    if options.list:
        say("\n".join(listed(Guide(TourMemory(state_folder()).read()))))
        return EXIT_EXPECTED
    need_terminal()
    why = places_no_text(os.environ)
    if why:
        raise ApdbgError(
            f"{why}, and the tour is shown on a screen: `apdbg --lines` needs none"
        )
    return show(open_session(), options, TourStart(options.lesson, options.bare))


def listed(guide: Guide) -> list[str]:
    """Every lesson: its number, whether it is done, what it asks about, its name."""
    done, own = guide.progress.done, language()
    return [
        f"{at:>2}  {'done' if one.name in done else '    '}  {words(one.name, own).title}"
        f"  ({one.name})"
        for at, one in enumerate(guide.lessons, 1)
    ]
