"""A boot that fails: from the red word to the finding, and from there to the line."""

from typing import Final

from emu.tour.course import broken, step_of
from emu.tour.lesson import Lesson, Opening
from emu.tour.scene import Scene

ENTRY_BYTES: Final = 8


def _overwrites(seen: Scene) -> bool:
    """Whether CPU 0 is about to store to the first entry of CPU 3's root table, or just has."""
    if not seen.at(0).startswith("tree_read"):
        return False
    target, root = seen.session.registers(0)["rdi"], seen.session.registers(3)["cr3"]
    return 0 <= target - root <= ENTRY_BYTES


def _other(seen: Scene) -> bool:
    """Whether it stands where another CPU's page was written."""
    found = broken(seen, "page-reused")
    return any(one.tick == seen.tick and "cpu 3" not in one.text for one in found)


LESSON = Lesson(
    "crash",
    done=_overwrites,
    wrong=(
        ("fell", lambda seen: seen.focus == 3 and step_of(seen, 3) == "woken"),
        ("told", lambda seen: seen.at(0) == "kernel_start"),
        ("other_cpu", _other),
    ),
    opening=Opening("gallery/page-reused.elf"),
    panel="findings",
)
