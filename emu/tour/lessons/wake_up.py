"""A wake-up, field by field: who writes what, who reads it, and what ends it."""

from emu.tour.course import last_field, step_of
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene


def _prepared(seen: Scene) -> bool:
    """Id or vector of the first wake-up are stored, and no command."""
    return last_field(seen) in ("apic_id", "vector") and not _past(seen)


def _past(seen: Scene) -> bool:
    return step_of(seen, 1) in ("arrived", "online")


LESSON = Lesson(
    "wake_up",
    done=lambda seen: step_of(seen, 1) == "acked",
    wrong=(
        ("prepared", _prepared),
        ("asked", lambda seen: step_of(seen, 1) == "woken"),
        ("past", _past),
    ),
    opening=Opening(said=("until waking",)),
    panel="mailbox",
    row="c1",
)
