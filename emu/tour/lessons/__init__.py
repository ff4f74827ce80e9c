"""The lessons, one a file, in the order of the tour."""

from typing import Final

from emu.tour.lesson import Lesson
from emu.tour.lessons import first_cpu, handed_over, nested_tables, page_tables, start_calls

LESSONS: Final[tuple[Lesson, ...]] = (
    first_cpu.LESSON,
    handed_over.LESSON,
    page_tables.LESSON,
    nested_tables.LESSON,
    start_calls.LESSON,
)  # fmt: skip
