"""The lessons, one a file, in the order of the tour."""

from typing import Final

from emu.tour.lesson import Lesson
from emu.tour.lessons import first_cpu

LESSONS: Final[tuple[Lesson, ...]] = (
    first_cpu.LESSON,
)  # fmt: skip
