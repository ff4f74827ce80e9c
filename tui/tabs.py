"""The names of a frame's tabs in its title: all of them, or those around the one shown."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from emu.picture.view import MachineView
from tui.panels import BY_ID
from tui.text import Line, Role, Span, line

DETAIL_CELLS = 14
"""Room that the names leave for the detail at the right, if it needs that much."""
_GAP = 2
Counts = Mapping[str, int]


class Tabs(Struct, frozen=True):
    """The title as a line, and which columns of it belong to which panel."""

    line: Line
    columns: tuple[tuple[int, int, str], ...]

    def at(self, column: int) -> str | None:
        """The panel whose name stands at a column."""
        return next((name for first, end, name in self.columns if first <= column < end), None)


def counts(names: tuple[str, ...], view: MachineView | None) -> Counts:
    """By panel: how many things those panels have that have any number of them."""
    found = {}
    for name in names:
        count = BY_ID[name].count
        if count is not None and view is not None:
            found[name] = count(view)
    return found


def _titles(names: tuple[str, ...], many: Counts, room: int) -> list[str]:
    """The names with their counts; short ones where there is little room, and then only what
    is not 0."""
    long = [BY_ID[name].title + (f" {many[name]:,}" if name in many else "") for name in names]
    if _cells(long) <= room:
        return long
    return [BY_ID[name].tab + (f" {many[name]:,}" if many.get(name) else "") for name in names]


def tabs(
    names: tuple[str, ...],
    at: int,
    width: int,
    detail: int,
    focused: bool,
    many: Counts = MappingProxyType({}),
) -> Tabs:
    """The title in so many cells; `detail`: how long the text at the right is."""
    room = max(width - min(detail, DETAIL_CELLS) - 4, 0)
    titles = _titles(names, many, room)
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
        alarm = BY_ID[names[index]].alarm if many.get(names[index]) else "dim"
        spans.append((text, role if here else alarm))
        columns.append((column, column + len(text), names[index]))
        column += len(text)
    if last < len(names):
        spans.append((" >", "dim"))
        columns.append((column, column + 2, names[last]))
    return Tabs(line(*spans), tuple(columns))


def _cells(titles: list[str]) -> int:
    """The names, their gaps, and the brackets around one."""
    return sum(map(len, titles)) + _GAP * (len(titles) - 1) + 2
