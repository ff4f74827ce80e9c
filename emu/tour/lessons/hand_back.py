"""A CPU is given back: from when on the OS knows that it may be woken again."""

from emu.machine.event import Event, MailboxWrite
from emu.mailbox.ap import NOOP, TEST
from emu.tour.course import step_of, stores
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene


def _answers(event: Event, store: MailboxWrite) -> bool:
    """Whether CPU 3 answers a Test."""
    return event.cpu == 3 and (store.field, store.old, store.new) == ("command", TEST, NOOP)


def _answered(seen: Scene) -> bool:
    """Whether that was the last change of the mailbox."""
    newest = next(stores(seen), None)
    return newest is not None and _answers(*newest)


def _asked(seen: Scene) -> bool:
    newest = next(stores(seen), None)
    return newest is not None and newest[1].new == TEST and newest[1].field == "command"


LESSON = Lesson(
    "hand_back",
    done=_answered,
    wrong=(
        ("past", lambda seen: any(_answers(*one) for one in stores(seen))),
        ("asked", _asked),
        ("going", lambda seen: step_of(seen, 3) in ("left", "parked")),
    ),
    opening=Opening(cmdline="offline=2", said=("until offline_ap",)),
    panel="mailbox",
    row="c3",
)
