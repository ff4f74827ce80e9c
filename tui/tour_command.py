"""`apdbg tour`: the screen with a lesson, or the list of lessons."""

import argparse

from emu import open_session
from emu.texts.language import language
from emu.tour.guide import Guide, lesson_of
from emu.tour.words import words
from tui.exit_codes import EXIT_EXPECTED
from tui.printing import say
from tui.start_screen import need_terminal, show
from tui.state_folder import state_folder
from tui.tour import TourStart
from tui.tour_memory import TourMemory


def tour(options: argparse.Namespace) -> int:
    """Begin a lesson, or say which there are."""
    if options.lesson:
        lesson_of(options.lesson)
    if options.list:
        say("\n".join(listed(Guide(TourMemory(state_folder()).read()))))
        return EXIT_EXPECTED
    need_terminal()
    return show(open_session(), options, TourStart(options.lesson, options.bare))


def listed(guide: Guide) -> list[str]:
    """Every lesson: its number, whether it is done, what it asks about, its name."""
    done, own = guide.progress.done, language()
    return [
        f"{at:>2}  {'done' if one.name in done else '    '}  {words(one.name, own).title}"
        f"  ({one.name})"
        for at, one in enumerate(guide.lessons, 1)
    ]
