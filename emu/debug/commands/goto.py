"""`goto`, `mark`: moments by name."""

from typing import Final

from emu.debug import travel
from emu.debug.command import Begun, Command, Values, some_text, text
from emu.debug.desk import Desk, Lines
from emu.debug.running import remember, run_to, settle
from emu.errors import CommandError
from emu.given.number import number
from emu.timeline.branch import Mark


def _read(words: list[str]) -> Values:
    """`WHERE [cpu N]`."""
    cpu = None
    if len(words) == 3 and words[1] == "cpu":
        words, cpu = words[:1], number(words[2], "goto cpu")
    if len(words) != 1:
        raise CommandError("goto: takes WHERE [cpu N]: a tick, mark, milestone, #7, ...")
    return words[0], cpu


def _write(where: str, cpu: int | None) -> str:
    return where if cpu is None else f"{where} cpu {cpu}"


def _goto(desk: Desk, where: str, cpu: int | None) -> Begun:
    remember(desk)
    beyond = travel.goto(desk, where, cpu)
    if beyond is not None:
        return run_to(desk, beyond)
    settle(desk)
    return ()


def _mark(desk: Desk, name: str) -> Lines:
    if not name[:1].isalpha() or name in ("start", "end", "now"):
        raise CommandError(f"mark: {name!r}: a name begins with a letter and is not taken")
    timeline = desk.timeline
    timeline.branch.marks[name] = Mark(timeline.now, desk.focus)
    return (f"{name} is tick {timeline.now.tick:,}",)


GOTO: Final = Command(
    "goto",
    "Go to a TICK, `50%`, `start`, `end`, a mark, milestone, role, finding's rule, or `#7` for "
    "the 7th event, and to the CPU that it belongs to, or `cpu N`.",
    _goto,
    (text("where", "start", "end"), some_text("cpu", "cpu")),
    read=_read,
    write=_write,
    phrase="Go to",
)
MARK: Final = Command(
    "mark", "Give this moment a name for `goto` and `diff`.", _mark, (text("name"),)
)
