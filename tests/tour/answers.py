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
ESC: Final = "\x1b"
BACKSPACE: Final = "\x7f"


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
    "handed_over": Answer(
        solves=(":mem 0x8400000+rsi as shim_params\r",),
        wrong={
            "offset": (":mem rsi\r", ESC),
            "bytes": (":mem 0x8400000+rsi\r",),
            "elsewhere": (":mem 0x8400000\r",),
        },
    ),
    "page_tables": Answer(
        solves=(10 * DOWN, ENTER),
        wrong={"above": (5 * DOWN, ENTER), "nested": (DOWN, ENTER)},
    ),
    "nested_tables": Answer(
        solves=("e", 9 * BACKSPACE, "0\r"),
        wrong={
            "higher": (":set npt:cr3=0\r",),
            "page": (":set npt:rip=0\r",),
            "guest": (":set pte:rip=0\r",),
        },
    ),
    "start_calls": Answer(
        solves=(":catch hypercall StartVirtualProcessor\r", "c"),
        wrong={"enabled": (":catch hypercall EnableVpVtl\r", "c"), "past": ("c",)},
    ),
    **{name: Answer(*one) for name, one in LATER.items()},
}
"""By the name of the lesson."""
