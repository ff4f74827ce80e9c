"""The answers of all lessons, as keys: what solves each, and what is told off with a sentence.

Keys are what a terminal sends: `s`, `:walk rip` and a carriage return, DOWN. After each text of
a tuple it is waited until the machine stands again, so a text that opens the prompt or a dialog
also closes it. Each answer is given where the lesson begins, guided.
"""

from typing import Final

from msgspec import Struct

from tests.tour.answers_later import LATER


class Shows(Struct, frozen=True):
    """Wait until the screen shows this, where standing still is not enough: a command that
    goes through the past, and what is pressed behind it."""

    words: str


Keys = tuple[str | Shows, ...]
DOWN: Final = "\x1b[B"
ENTER: Final = "\r"
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
            "offset": (":mem rsi\r",),
            "bytes": (":mem 0x8400000+rsi\r",),
            "elsewhere": (":mem 0x8400000\r",),
        },
    ),
    "page_tables": Answer(
        solves=(10 * DOWN, ENTER),
        wrong={"above": (5 * DOWN, ENTER), "nested": (DOWN, ENTER)},
    ),
    "nested_tables": Answer(
        solves=("e" + 9 * BACKSPACE + "0\r",),
        wrong={
            "higher": (":set npt:0x8600000=0\r",),
            "page": (":set npt:mailbox_wait=0\r",),
            "guest": (":set pte:mailbox_wait=0\r",),
        },
    ),
    "start_calls": Answer(
        solves=(":catch hypercall StartVirtualProcessor\r", "c"),
        wrong={"enabled": (":catch hypercall EnableVpVtl\r", "c"), "past": ("c",)},
    ),
    **{name: Answer(*one) for name, one in LATER.items()},
}
"""By the name of the lesson."""
