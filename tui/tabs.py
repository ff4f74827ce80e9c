"""The names of a frame's tabs in its title: all of them, or those around the one shown."""

from dataclasses import dataclass

from tui.panels import BY_ID
from tui.text import Line, Role, Span, line

DETAIL_CELLS = 14
"""Room that the names leave for the detail at the right, if it needs that much."""
_GAP = 2


@dataclass(frozen=True, slots=True)
class Tabs:
    """The title as a line, and which columns of it belong to which panel."""

    line: Line
    columns: tuple[tuple[int, int, str], ...]

    def at(self, column: int) -> str | None:
        """The panel whose name stands at a column."""
        return next((name for first, end, name in self.columns if first <= column < end), None)


def tabs(names: tuple[str, ...], at: int, width: int, detail: int, focused: bool) -> Tabs:
    """The title in so many cells; `detail`: how long the text at the right is."""
    room = max(width - min(detail, DETAIL_CELLS) - 4, 0)
    titles = [BY_ID[name].title for name in names]
    if _cells(titles) > room:
        titles = [BY_ID[name].tab for name in names]
    first, last = at, at + 1
    while True:
        if last < len(names) and _cells(titles[first : last + 1]) + 4 <= room:
            last += 1
        elif first > 0 and _cells(titles[first - 1 : last]) + 4 <= room:
            first -= 1
        else:
            break
    if first == 0 and last == len(names) - 1 and _cells(titles) <= room:
        last += 1
    role: Role = "strong" if focused else "plain"
    spans: list[Span] = []
    columns: list[tuple[int, int, str]] = []
    column = 0
    if first > 0:
        spans.append(("< ", "dim"))
        columns.append((0, 2, names[first - 1]))
        column = 2
    for index in range(first, last):
        here = index == at
        text = f"[{titles[index]}]" if here and len(names) > 1 else titles[index]
        if index > first:
            spans.append((" " * _GAP, "dim"))
            column += _GAP
        spans.append((text, role if here else "dim"))
        columns.append((column, column + len(text), names[index]))
        column += len(text)
    if last < len(names):
        spans.append((" >", "dim"))
        columns.append((column, column + 2, names[last]))
    return Tabs(line(*spans), tuple(columns))


def _cells(titles: list[str]) -> int:
    """The names, their gaps, and the brackets around one."""
    return sum(map(len, titles)) + _GAP * (len(titles) - 1) + 2
