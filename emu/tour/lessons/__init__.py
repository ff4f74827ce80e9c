"""The lessons, one a file, in the order of the tour."""

from typing import Final

from emu.tour.lesson import Lesson
from emu.tour.lessons import (
    branch,
    crash,
    dynamic,
    first_cpu,
    hand_back,
    handed_over,
    hunt,
    loads,
    lost_start,
    nested_tables,
    own_tables,
    page_tables,
    parked,
    start_calls,
    stores,
    tree,
    wake_up,
)

LESSONS: Final[tuple[Lesson, ...]] = (
    first_cpu.LESSON,
    handed_over.LESSON,
    page_tables.LESSON,
    nested_tables.LESSON,
    start_calls.LESSON,
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
    dynamic.LESSON,
    hunt.LESSON,
)  # fmt: skip
