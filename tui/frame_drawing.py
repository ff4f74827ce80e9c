"""How a frame looks: its title rule, and the rows of the page below it, as strips of cells."""

from typing import Final

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.panels.base import Page, Spot
from tui.tabs import DETAIL_CELLS, Counts, Tabs, tabs
from tui.text import clip, clip_line, fit, plain
from tui.theme import Looks

RULE: Final = {False: "─", True: "━"}
"""The title rule without and with the focus."""
HEAVY: Final = {"┼": "┿", "┴": "┷", "┬": "┯"}
EDGE: Final = "│"
_CURSOR: Final = Style(reverse=True)


def left_of(edge: bool) -> int:
    """Cells at the left that are not the panel's."""
    return 2 if edge else 1


class Drawing(Struct, frozen=True):
    """All that a frame's picture is made of."""

    width: int
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
    def left(self) -> int:
        """Cells at the left that are not the panel's."""
        return left_of(self.edge)

    @property
    def detail(self) -> str:
        """What stands at the right of the title."""
        return "  ".join(word for word in (self.as_of, self.page.detail) if word)

    def titles(self) -> Tabs:
        """The names of the tabs, as many as fit beside a short detail; a moment that has
        passed is never cut."""
        room = self.width - 4 - max(len(self.as_of) - DETAIL_CELLS, 0)
        return tabs(self.tabs, self.at, room, len(self.detail), self.focused, self.counts)

    def row(self, y: int, looks: Looks, spot: Spot | None) -> Strip:
        """One row of the frame; `spot`: what the cursor is on."""
        return self._rule(looks) if y == 0 else self._body(y - 1, looks, spot)

    def _rule(self, looks: Looks) -> Strip:
        """The title rule: title at the left, details at the right, joints where rules meet."""
        width, heavy = self.width, self.focused
        rule = [RULE[heavy]] * width
        for column, joint in self.joints.items():
            if column < width:
                rule[column] = HEAVY[joint] if heavy else joint
        title = clip_line(self.titles().line, max(width - 4, 0))
        detail = clip(self.detail, max(width - len(plain(title)) - 7, 0))
        start = 2 + len(plain(title)) + 1
        end = width - len(detail) - (3 if detail else 0)
        look = looks["here" if heavy else "dim"]
        segments = [Segment(rule[0], look), Segment(" ")]
        segments += [Segment(text, looks[role]) for text, role in title]
        segments += [Segment(" "), Segment("".join(rule[start:end]), look)]
        if detail:
            role = looks["warn" if self.as_of else "dim"]
            segments += [Segment(f" {detail} ", role), Segment(rule[-1], look)]
        return Strip(segments)

    def _body(self, row: int, looks: Looks, spot: Spot | None) -> Strip:
        page, old = self.page, bool(self.as_of)
        styled = page.lines[row] if row < len(page.lines) else ()
        room = max(self.width - self.left, 0)
        text = [
            Segment(text, looks["dim" if old else role]) for text, role in fit(styled, room)
        ]
        strip = Strip([Segment(" "), *text]).adjust_cell_length(room + 1)
        if not old and any(role == "here" and text.strip() for text, role in styled):
            strip = strip.apply_style(looks.row)
        if spot is not None and spot.row == row:
            end = room if spot.end is None else min(spot.end, room)
            under = strip.crop(spot.start + 1, end + 1).apply_style(_CURSOR)
            strip = Strip.join((strip.crop(0, spot.start + 1), under, strip.crop(end + 1)))
        return Strip([Segment(EDGE, looks["dim"]), *strip]) if self.edge else strip
