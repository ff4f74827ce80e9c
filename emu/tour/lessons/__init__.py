"""The lessons, one a file, in the order of the tour."""

from typing import Final

from emu.tour.lesson import Lesson
from emu.tour.lessons import (
    branch,
    crash,
    first_cpu,
    hand_back,
    hunt,
    loads,
    lost_start,
    own_tables,
    parked,
    stores,
    tree,
    wake_up,
)

LESSONS: Final[tuple[Lesson, ...]] = (
    first_cpu.LESSON,
    own_tables.LESSON,
    parked.LESSON,
    wake_up.LESSON,
    stores.LESSON,
    loads.LESSON,
    tree.LESSON,
    crash.LESSON,
    branch.LESSON,
    lost_start.LESSON,
    hand_back.LESSON,
    hunt.LESSON,
)  # fmt: skip
