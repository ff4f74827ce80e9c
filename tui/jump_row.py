"""The title of a frame while a letter is waited for: its panels, each with its letter."""

from collections.abc import Mapping
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.panels import BY_ID
from tui.text import clip
from tui.theme import Looks

REVERSE: Final = Style(reverse=True)


def _cells(name: str) -> int:
    """Of a letter with a space before it, and of its name with one on each side."""
    return 2 + (len(name) + 2 if name else 0)


def jump_row(
    tabs: tuple[str, ...], letters: Mapping[str, str], width: int, looks: Looks
) -> Strip:
    """All of them, in so many cells: names are cut, then spaces go, letters stay."""
    names = [BY_ID[tab].title for tab in tabs]
    while any(names) and sum(map(_cells, names)) > width:
        longest = max(range(len(names)), key=lambda at: len(names[at]))
        names[longest] = clip(names[longest][:-1], len(names[longest]) - 1)
    gap = " " if sum(map(_cells, names)) <= width else ""
    segments = []
    for tab, name in zip(tabs, names, strict=True):
        segments += [
            Segment(gap), Segment(letters.get(tab, " "), looks["here"] + REVERSE),
            Segment(f" {name} " if name else "", looks["plain"]),
        ]  # fmt: skip
    return Strip(segments).adjust_cell_length(width)
