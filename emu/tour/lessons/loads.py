"""Two loads: a CPU whose turn is taken away between command and id."""

from typing import Final

from emu.tour.course import broken
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene

_BEFORE: Final = "mailbox_wait", "mailbox_wait+0xf", "mailbox_wait+0x11"
"""The load of the command, and what leads back to it: PAUSE and the jump."""
_BEHIND: Final = ("mailbox_wait+0x1a",)
"""What follows the load and compare of the id."""


def _held(seen: Scene) -> frozenset[int]:
    return seen.session.timeline.driver.schedule.held


def _held_at(seen: Scene, places: tuple[str, ...]) -> bool:
    return 2 in _held(seen) and seen.at(2) in places


LESSON = Lesson(
    "loads",
    done=lambda seen: any(one.cpu == 2 for one in broken(seen, "leaves-on-wakeup")),
    wrong=(
        ("never_released", lambda seen: seen.outcome != "" and 2 in _held(seen)),
        ("let_go", lambda seen: seen.outcome != ""),
        ("held_other", lambda seen: bool(_held(seen) - {2})),
        ("held_early", lambda seen: _held_at(seen, _BEFORE)),
        ("held_late", lambda seen: _held_at(seen, _BEHIND)),
    ),
    opening=Opening(
        "gallery/command-then-id.elf",
        said=("until waking", "watch mailbox.command", "run", "delete 1", "cpu 2", "step 2 2"),
    ),
    panel="code",
)
