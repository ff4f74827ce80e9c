"""Find a bug alone, and report it."""

from emu.tour.course import broken
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene

_CULPRIT = "mailbox_ack", "mailbox_jump"
"""Where an AP stands that is about to execute the instruction, or that just has."""


def _reported(seen: Scene) -> bool:
    """Whether a file was written by the newest command."""
    return seen.last.startswith("report ")


def _found(seen: Scene) -> bool:
    return _reported(seen) and any(seen.at(cpu) in _CULPRIT for cpu in (1, 2, 3))


def _at_the_finding(seen: Scene) -> bool:
    found = broken(seen, "command-answered")
    return _reported(seen) and any(one.tick == seen.tick for one in found)


LESSON = Lesson(
    "hunt",
    done=_found,
    wrong=(
        ("at_the_end", lambda seen: _reported(seen) and seen.outcome != ""),
        ("at_the_finding", _at_the_finding),
        ("elsewhere", _reported),
    ),
    opening=Opening("tour/hunt.elf"),
)
