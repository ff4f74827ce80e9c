"""Where the tour is told: some rows below the panels, one of them, or the whole screen."""

from collections.abc import Callable
from typing import Final, Literal

from rich.segment import Segment
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from tui.text import Line
from tui.theme import PLAIN

Shape = Literal["closed", "folded", "strip", "whole"]
Told = Callable[[int, int], list[Line]]
"""(width, height) -> at most so many rows."""
READING: Final = "-reading"
"""The class of the screen while the tour fills it."""
ROWS_MIN: Final = 5
ROWS_MAX: Final = 7
ROWS_OF_FEW: Final = 3
FEW: Final = 18
"""A terminal of fewer rows has no more than these for a lesson."""


def _nothing(_width: int, _height: int) -> list[Line]:
    return []


class TourStrip(Widget):
    """Rows of the tour; it knows nothing of lessons. It does not move while one goes on."""

    def __init__(self) -> None:
        super().__init__(id="tour")
        self.looks = PLAIN
        self.shape: Shape = "closed"
        self._told: Told = _nothing

    def rows(self, height: int) -> int:
        """How many rows of a terminal are not the panels'."""
        if self.shape in ("closed", "whole"):
            return 0
        if self.shape == "folded":
            return 1
        return ROWS_OF_FEW if height < FEW else min(max(height // 5, ROWS_MIN), ROWS_MAX)

    def settle(self, height: int) -> None:
        """Take the place that it has in a terminal of so many rows."""
        whole = self.shape == "whole"
        self.screen.set_class(whole, READING)
        self.display = self.shape != "closed"
        self.styles.height = "1fr" if whole else self.rows(height)

    def tell(self, told: Told) -> None:
        """Show this from now on."""
        self._told = told
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row, in the theme's colours."""
        width, height = self.size
        rows = self._told(width, height)
        spans = rows[y] if y < len(rows) else ()
        strip = Strip([Segment(text, self.looks[role]) for text, role in spans])
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def render(self) -> RenderResult:
        """Never used: `render_line` draws."""
        return ""
