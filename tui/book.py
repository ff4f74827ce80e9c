"""Rows of text, a window of them in sight, with words in them that can be chosen."""

from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import RenderResult
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.help_page import Leaf, Link
from tui.theme import Looks

_FOUND: Final = Style(reverse=True)
"""The row that was searched for, also where there are no colours."""
_LINK: Final = Style(underline=True)
_CHOSEN: Final = Style(reverse=True, underline=True)


class Book(Widget):
    """A page of help."""

    class Followed(Message):
        """A link was clicked."""

        def __init__(self, word: str) -> None:
            super().__init__()
            self.word = word

    def __init__(self, looks: Looks) -> None:
        super().__init__(id="help")
        self._looks = looks
        self.leaf = Leaf(0)
        self.top = 0
        self.marked: int | None = None
        """The row that was searched for."""
        self.chosen: int | None = None
        """The link that Enter follows."""

    @property
    def last(self) -> int:
        """The highest first row."""
        return max(len(self.leaf.rows) - max(self.size.height, 1), 0)

    @property
    def link(self) -> Link | None:
        """What Enter follows: the link that is chosen, while it is in sight."""
        one = None if self.chosen is None else self.leaf.links[self.chosen]
        return one if one is not None and self._in_sight(one.row) else None

    def _in_sight(self, row: int) -> bool:
        return self.top <= row < self.top + max(self.size.height, 1)

    def go(self, top: int) -> None:
        """Show the rows from this one on, or as near to it as there are rows."""
        self.top = min(max(top, 0), self.last)
        self.refresh()

    def show_row(self, row: int) -> None:
        """Scroll as far as it takes to have a row in the middle, if it is not in sight."""
        if not self._in_sight(row):
            self.go(row - self.size.height // 2)

    def choose(self, step: int) -> None:
        """The next link or the one before, from what is chosen or from what is in sight."""
        links = self.leaf.links
        if not links:
            return
        if self.link is not None and self.chosen is not None:
            self.chosen = (self.chosen + step) % len(links)
        else:
            seen = [at for at, one in enumerate(links) if self._in_sight(one.row)]
            behind = [at for at, one in enumerate(links) if one.row >= self.top]
            self.chosen = (seen or behind or [0])[0 if step > 0 else -1]
        self.show_row(links[self.chosen].row)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A click on a link follows it."""
        place = event.get_content_offset(self)
        if place is None:
            return
        for one in self.leaf.links:
            if one.row == self.top + place.y and one.start <= place.x < one.end:
                self.post_message(self.Followed(one.word))

    # -- drawing ----------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One row in the theme's colours; links are underlined, the chosen one and a row that
        was found are reversed."""
        at, width = self.top + y, self.size.width
        styled = self.leaf.rows[at] if at < len(self.leaf.rows) else ()
        strip = Strip([Segment(text, self._looks[role]) for text, role in styled])
        strip = strip.adjust_cell_length(max(width, strip.cell_length))
        for place, one in enumerate(self.leaf.links):
            if one.row == at:
                style = _CHOSEN if place == self.chosen else _LINK
                strip = _styled(strip, one, style)
        if at == self.marked:
            strip = strip.apply_style(_FOUND)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def render(self) -> RenderResult:
        """Never used: `render_line` draws."""
        return ""


def _styled(strip: Strip, link: Link, style: Style) -> Strip:
    """The row with the cells of a link in a style of their own."""
    cuts = [link.start, link.end, strip.cell_length]
    before, own, *behind = strip.divide([cut for cut in cuts if cut <= strip.cell_length])
    words = Strip([Segment(text, (mine or Style()) + style) for text, mine, _ in own])
    return Strip.join([before, words, *behind])
