"""An AP that never comes: how many tries the firmware makes, and how the boot goes on."""

from typing import Final

from emu.given.number import is_digits
from emu.tour.course import ended_after, entered
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene

LEAST: Final = 4
"""Two SIPIs for each of two attempts (shim/sipi.c, shim/ap.c)."""


def _lost(seen: Scene) -> int:
    """How many SIPIs to CPU 2 were to get lost on this branch."""
    told = (text.split() for text in entered(seen, "inject lose-ipi sipi"))
    return sum(_count(words[1:]) for words in told if words[0] == "2")


def _count(words: list[str]) -> int:
    return int(words[0]) if words and is_digits(words[0]) else 1


LESSON = Lesson(
    "lost_start",
    done=lambda seen: seen.outcome == "degraded" and _lost(seen) == LEAST,
    wrong=(
        ("came", lambda seen: seen.outcome == "booted" and _lost(seen) > 0),
        ("init", lambda seen: ended_after(seen, "inject lose-ipi init")),
        ("too_many", lambda seen: seen.outcome == "degraded" and _lost(seen) > LEAST),
        ("not_lost", lambda seen: seen.outcome == "degraded"),
    ),
    opening=Opening(platform="sipi"),
    panel="events",
)
