"""`goto`, `mark`: moments by name."""

from typing import Final

from emu.debug import travel
from emu.debug.command import Begun, Command, text
from emu.debug.desk import Desk, Lines
from emu.debug.running import remember, run_to, settle
from emu.errors import CommandError


def _goto(desk: Desk, where: str) -> Begun:
    remember(desk)
    beyond = travel.goto(desk, where)
    if beyond is not None:
        return run_to(desk, beyond)
    settle(desk)
    return ()


def _mark(desk: Desk, name: str) -> Lines:
    if not name[:1].isalpha() or name in ("start", "end", "now"):
        raise CommandError(f"mark: {name!r}: a name begins with a letter and is not taken")
    timeline = desk.timeline
    timeline.branch.marks[name] = timeline.now
    return (f"{name} is tick {timeline.now.tick:,}",)


GOTO: Final = Command(
    "goto",
    "Go to a TICK, `50%`, `start`, `end`, a mark, milestone, role, or `#7` for the 7th event.",
    _goto,
    (text("where", "start", "end"),),
    phrase="Go to",
)
MARK: Final = Command(
    "mark", "Give this moment a name for `goto` and `diff`.", _mark, (text("name"),)
)
