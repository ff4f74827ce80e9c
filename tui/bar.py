"""A line of text above or below the panels, such as the status."""

from rich.segment import Segment
from textual.app import RenderResult
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from emu.picture.view import MachineView
from tui.panels import status
from tui.panels.base import Window
from tui.text import Line, fit
from tui.theme import PLAIN


class Bar(Widget):
    """One line of text that repaints only when it says something else."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.text: Line = ()
        self.looks = PLAIN

    def say(self, text: Line) -> None:
        """Show this line, cut to the width when it is drawn."""
        if text != self.text:
            self.text = text
            self.refresh()

    def show(self, view: MachineView, width: int) -> None:
        """Draw what it has to say of a view in so many cells; here nothing."""

    def render_line(self, y: int) -> Strip:
        """The line, in the theme's colours."""
        spans = fit(self.text, self.size.width) if y == 0 else ()
        strip = Strip([Segment(text, self.looks[role]) for text, role in spans])
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def render(self) -> RenderResult:
        """Never used: `render_line` draws."""
        return ""


class StatusBar(Bar):
    """Which machine, what time it is there, and why it stands still."""

    class Pressed(Message):
        """It was clicked."""

    def on_click(self) -> None:
        """A click goes to what it tells of."""
        self.post_message(self.Pressed())

    def show(self, view: MachineView, width: int) -> None:
        """Draw a view in so many cells."""
        self.say(status.render(view, Window(max(width, 1), 1)).lines[0])
