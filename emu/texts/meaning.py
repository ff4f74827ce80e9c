"""What one word means, put together: its text, and how things are on a machine now."""

from typing import Final

from msgspec import Struct

from emu.texts.language import Language
from emu.texts.wrapping import wrapped

LINE_CELLS: Final = 88
"""Of an answer in lines."""


class Labels(Struct, frozen=True):
    """The words around texts, in one language."""

    source: str
    see: str
    command: str
    of_screen: str
    key: str
    commands: str
    here: str
    """Above the words of a row that is pointed at."""
    keys: str
    more: str
    """How to go on from the help of a panel."""
    topics: str
    """The title of all there is."""


LABELS: Final[dict[Language, Labels]] = {
    "en": Labels(
        "source", "see also", "a command", "a word of the screen", "a key", "commands",
        "in this row", "Keys", "elsewhere", "Everything that is explained",
    ),
    "zh": Labels(
        "出处", "另见", "命令", "屏幕命令", "按键", "命令", "这一行里", "按键", "其他",
        "所有有解释的词",
    ),
}  # fmt: skip


class Meaning(Struct, frozen=True):
    """One meaning of a word."""

    word: str
    kind: str = ""
    """What words of its kind are, in the language; empty where `live` says it itself."""
    text: str = ""
    more: str = ""
    source: str = ""
    see: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    """Lines on how it is here and now, and what can be done with it."""
    usage: bool = False
    """Whether the word is how a command is written."""


def told(one: Meaning, language: Language) -> tuple[str, ...]:
    """A meaning in lines, for those who have no screen."""
    if not one.kind:
        return one.live
    labels, rows = LABELS[language], [f"{one.word}: {one.kind}"]
    if one.usage:
        return one.word, one.text, *(f"  {row}" for row in one.live)
    rows += [f"  {row}" for row in wrapped(one.text, LINE_CELLS - 2) if row]
    rows += [f"  {row}" for row in one.live]
    rows += [f"  {labels.source}: {one.source}"] if one.source else []
    see = f"{labels.see}: {', '.join(one.see)}"
    rows += [f"  {row}" for row in wrapped(see, LINE_CELLS - 2) if one.see]
    rows += [f"  {row}".rstrip() for row in ("", *one.more.split("\n")) if one.more]
    return tuple(rows)
