"""The answers of all lessons, as keys: what solves each, and what is told off with a sentence.

Keys are what a terminal sends: `s`, `:walk rip` and a carriage return, DOWN. After each text of
a tuple it is waited until the machine stands again. Each answer is given where the lesson
begins, guided; an answer that ends in the middle of a lesson is followed by a reset.
"""

from typing import Final

from msgspec import Struct

from tests.tour.answers_later import LATER

Keys = tuple[str, ...]
DOWN: Final = "\x1b[B"
ENTER: Final = "\r"


class Answer(Struct, frozen=True):
    """What a person could press in one lesson."""

    solves: Keys
    wrong: dict[str, Keys]
    """By the name of the sentence, which must come; two at the least."""


ANSWERS: Final[dict[str, Answer]] = {
    "first_cpu": Answer(
        solves=("12s",),
        wrong={"other_cpu": (">",), "ran": ("c",)},
    ),
    **{name: Answer(*one) for name, one in LATER.items()},
}
"""By the name of the lesson."""
