"""`watch`: a place that stops the machine when something is done to it."""

from typing import Final

from emu.debug.command import Command, Values, some_text, text
from emu.debug.desk import Desk, Lines, focused
from emu.debug.watchpoint import WatchedDoing
from emu.errors import CommandError

_DOINGS: Final[tuple[WatchedDoing, ...]] = ("read", "write", "access", "change")


def _read(words: list[str]) -> Values:
    """`PLACE [read|write|access|change]`."""
    if len(words) not in (1, 2) or (len(words) == 2 and words[1] not in _DOINGS):
        raise CommandError(f"watch: takes PLACE [{'|'.join(_DOINGS)}]")
    return words[0], words[1] if len(words) == 2 else "change"


def _watch(desk: Desk, place: str, access: WatchedDoing) -> Lines:
    number = desk.breakpoints.number()
    watch = desk.watchpoints.add(number, desk.machine, focused(desk), place, access)
    doing = "" if watch.doing == "change" else f"{watch.doing} of "
    return (f"watchpoint {watch.number} on {doing}{watch.where.name} ({watch.where.text})",)


WATCH: Final = Command(
    "watch",
    "Stop when a place changes; `read`, `write` or `access`: when that is done to it.",
    _watch,
    (text("place"), some_text("access", *_DOINGS, default="change")),
    read=_read,
)
