"""How a frame looks: its title, its border, and the rows of the page inside."""

from typing import Final, Literal

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.panels.base import Page, Spot
from tui.tabs import DETAIL_CELLS, Counts, Tabs, tabs
from tui.text import Line, Role, clip, clip_line, fit, plain
from tui.theme import Looks

Chrome = Literal["box", "rule", "bare"]
"""What is around a page: a border, a title rule above it, or nothing."""


class Inset(Struct, frozen=True):
    """Cells of a frame that are not the page's."""

    left: int
    top: int
    right: int
    bottom: int
    title: int
    """The column at which the title begins."""


class Border(Struct, frozen=True):
    """The characters of a border: corners from the upper left on as one reads, then lines."""

    corners: str
    across: str
    down: str
    joints: dict[str, str]
    """What stands in a title rule where others meet it."""


INSETS: Final[dict[Chrome, Inset]] = {
    "box": Inset(2, 1, 2, 1, 3), "rule": Inset(1, 1, 1, 0, 2), "bare": Inset(1, 0, 1, 0, 0),
}  # fmt: skip
"""One cell of air at both sides, whatever is around it."""
BORDERS: Final[dict[bool, Border]] = {
    False: Border("╭╮╰╯", "─", "│", {"┼": "┼", "┴": "┴", "┬": "┬"}),
    True: Border("╔╗╚╝", "═", "║", {"┼": "╪", "┴": "╧", "┬": "╤"}),
}
"""Without and with the focus: one sees at once where the keys go, also without colours."""
_CURSOR: Final = Style(reverse=True)


def inset_of(chrome: Chrome, edge: bool) -> Inset:
    """What a frame keeps for itself; `edge`: a line parts it from what is at its left."""
    found = INSETS[chrome]
    return Inset(found.left + edge, found.top, found.right, found.bottom, found.title)


def _pointed(strip: Strip, looks: Looks) -> Strip:
    """What the cursor is on, as one bar: reversed in colours of its own, each word would be a
    patch of another one."""
    bar, strong = looks["plain"] + _CURSOR, Style(bold=True)
    return Strip([
        Segment(one.text, bar + strong if one.style and one.style.bold else bar)
        for one in strip
    ])  # fmt: skip


def _within(detail: str, room: int) -> str:
    """As many of its parts as there is room for; the first one may lose its end."""
    parts = detail.split("  ")
    while len(parts) > 1 and len("  ".join(parts)) > room:
        parts.pop()
    return clip("  ".join(parts), room)


class Drawing(Struct, frozen=True):
    """All that a frame's picture is made of."""

    width: int
    height: int
    chrome: Chrome
    tabs: tuple[str, ...]
    """The panels that share it, and which of them is shown."""
    at: int
    counts: Counts
    page: Page
    focused: bool
    edge: bool
    """Whether a line parts it from what stands at its left."""
    joints: dict[int, str]
    """By column of the title rule: the character where a rule from above or below meets it."""
    as_of: str = ""
    """The moment that is shown, if the machine is elsewhere by now; all is dim then."""

    @property
    def inset(self) -> Inset:
        """Cells that are not the page's."""
        return inset_of(self.chrome, self.edge)

    @property
    def detail(self) -> str:
        """What stands at the right of the title."""
        return "  ".join(word for word in (self.as_of, self.page.detail) if word)

    @property
    def _border(self) -> Border:
        return BORDERS[self.focused]

    @property
    def _look(self) -> Role:
        return "here" if self.focused else "border"

    def titles(self) -> Tabs:
        """The names of the tabs, as many as fit beside a short detail; a moment that has
        passed is never cut."""
        room = self.width - 2 * self.inset.title - max(len(self.as_of) - DETAIL_CELLS, 0)
        return tabs(self.tabs, self.at, room, len(self.detail), self.focused, self.counts)

    def row(self, y: int, looks: Looks, spot: Spot | None) -> Strip:
        """One row of the frame; `spot`: what the cursor is on."""
        inset = self.inset
        if y < inset.top:
            return self._title(looks)
        if y >= self.height - inset.bottom:
            return self._bottom(looks)
        return self._body(y - inset.top, looks, spot)

    def _rule(self) -> list[str]:
        """The line in which the title stands."""
        border, width = self._border, self.width
        rule = [border.across] * width
        for column, joint in self.joints.items():
            if column < width:
                rule[column] = border.joints[joint]
        if self.chrome == "box":
            rule[0], rule[-1] = border.corners[0], border.corners[1]
        return rule

    def _title(self, looks: Looks) -> Strip:
        """Names at the left, details at the right, and the line between them."""
        rule, begin = self._rule(), self.inset.title
        title = clip_line(self.titles().line, max(self.width - 2 * begin, 0))
        room = self.width - len(plain(title)) - 2 * begin - 3
        detail = _within(self.detail, max(room, 0))
        start = begin + len(plain(title)) + 1
        end = self.width - (len(detail) + 1 + begin if detail else 0)
        look = looks[self._look]
        segments = [Segment("".join(rule[: begin - 1]), look), Segment(" ")]
        segments += [Segment(text, looks[role]) for text, role in title]
        segments += [Segment(" "), Segment("".join(rule[start:end]), look)]
        if detail:
            role = looks["warn" if self.as_of else "dim"]
            rest = "".join(rule[self.width - begin + 1 :])
            segments += [Segment(f" {detail} ", role), Segment(rest, look)]
        return Strip(segments)

    def _bottom(self, looks: Looks) -> Strip:
        border = self._border
        line = border.across * (self.width - 2)
        return Strip([Segment(f"{border.corners[2]}{line}{border.corners[3]}",
                              looks[self._look])])  # fmt: skip

    def _body(self, row: int, looks: Looks, spot: Spot | None) -> Strip:
        inset, page = self.inset, self.page
        room = max(self.width - inset.left - inset.right, 0)
        styled = page.lines[row] if row < len(page.lines) else ()
        strip = self._text(styled, room, looks)
        if spot is not None and spot.row == row:
            end = room if spot.end is None else min(spot.end, room)
            under = _pointed(strip.crop(spot.start + 1, end + 1), looks)
            strip = Strip.join((strip.crop(0, spot.start + 1), under, strip.crop(end + 1)))
        return self._framed(strip, looks)

    def _text(self, styled: Line, room: int, looks: Looks) -> Strip:
        """A line of the page with a cell of air at both sides."""
        old = bool(self.as_of)
        text = [
            Segment(text, looks["dim" if old else role]) for text, role in fit(styled, room)
        ]
        strip = Strip([Segment(" "), *text]).adjust_cell_length(room + 2)
        selected = any(role == "here" and text.strip() for text, role in styled)
        if selected and not old and self.chrome != "bare" and not self.page.ticks:
            return strip.apply_style(looks.row)
        return strip

    def _framed(self, strip: Strip, looks: Looks) -> Strip:
        if self.chrome == "box":
            side = Segment(self._border.down, looks[self._look])
            return Strip([side, *strip, side])
        return Strip([Segment("│", looks["border"]), *strip]) if self.edge else strip
