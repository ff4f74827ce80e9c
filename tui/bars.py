"""The lines around the panels: status above, message and keys below."""

from rich.segment import Segment
from textual import events
from textual.app import RenderResult
from textual.strip import Strip
from textual.widget import Widget

from emu.picture.view import MachineView
from tui.keys import KEYS, Key, bar, shown_first
from tui.panels import status
from tui.panels.base import Window
from tui.text import Line, Role, fit, line
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

    def show(self, view: MachineView, width: int) -> None:
        """Draw a view in so many cells."""
        self.say(status.render(view, Window(max(width, 1), 1)).lines[0])


class KeyBar(Bar):
    """The few keys that matter now; a click on one is that key. None is ever half shown."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self._hits: list[tuple[int, int, Key]] = []
        self.table = KEYS

    def show(self, running: bool, width: int) -> None:
        """As many hints as fit wholly in so many cells."""
        spans: list[tuple[str, Role]] = []
        self._hits = []
        column = 0
        for key in bar(running, self.table):
            shown = shown_first(key) if key.keys else key.shown
            cells = 1 + len(shown) + 1 + len(key.label) + 1
            if column + cells > width:
                break
            self._hits.append((column, column + cells, key))
            spans += [(f" {shown} ", "here"), (f"{key.label} ", "plain")]
            column += cells
        self.say(line(*spans))

    async def on_click(self, event: events.Click) -> None:
        """A click on a hint does what the key does."""
        for start, end, key in self._hits:
            if start <= event.x < end:
                await self.app.run_action(key.action)
