"""The words of a lesson: one file for each lesson and language.

`emu/texts/tour/en/NAME.toml` has:

    title = "..."       a few words, for the list
    question = "..."    what is asked: at most two rows of 76 cells
    do = "..."          what to press, where it is guided: at most two rows
    hints = ["..."]     two or more, each says more than the one before; the last one says all;
                        each at most two rows
    explained = "..."   what was seen, and why it is so: two to eight rows
    source = "..."      where it stands: section of a specification, or a file of the shim
    see = ["..."]       words that `help` explains

    [wrong]
    NAME = "..."        for each of the lesson's `wrong`: at most two rows

`emu/texts/tour/zh/NAME.toml` has the same without `source` and `see`. What the tour itself says
stands in `emu/texts/tour/screen/en.toml` and `zh.toml`.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from msgspec import Struct

from emu.texts.language import Language

_FOLDER: Final = "tour"


class LessonWords(Struct, frozen=True):
    """All that is said in one lesson."""

    title: str
    question: str
    do: str
    hints: tuple[str, ...]
    explained: str
    wrong: Mapping[str, str]
    source: str
    see: tuple[str, ...]


class TourWords(Struct, frozen=True):
    """What the tour says beside its lessons."""

    offer: str
    """What the first screen is, and the way into the tour: four rows of 76 cells."""
    bare: str
    keys: str
    list: str
    no_hint: str
    over: str
    left: str


@cache
def tour_words(language: Language) -> TourWords:
    """The same in a language."""
    told = _table("screen", language)
    return TourWords(**{name: _one(text) for name, text in told.items()})


@cache
def words(name: str, language: Language) -> LessonWords:
    """The words of a lesson in a language."""
    told, own = _table("en", name), _table(language, name)
    return LessonWords(
        _one(own["title"]), _one(own["question"]), _one(own["do"]),
        tuple(map(_one, own["hints"])), _one(own["explained"]),
        {key: _one(text) for key, text in own["wrong"].items()},
        told["source"], tuple(told["see"]),
    )  # fmt: skip


def _one(text: str) -> str:
    """A text as one line: where it is broken is the screen's business."""
    return " ".join(text.split())


def _table(folder: str, name: str) -> dict[str, Any]:
    place = files("emu.texts") / _FOLDER / folder / f"{name}.toml"
    return tomllib.loads(place.read_text("utf-8"))
