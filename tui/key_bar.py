"""The keys that matter now, below the panels."""

from textual import events
from textual.message import Message

from emu.picture.view import MachineView
from tui.bar import Bar
from tui.keys import Key, hints, shown_first
from tui.text import Role, line


class KeyBar(Bar):
    """The few keys that matter now; a click on one is that key. None is ever half shown."""

    class Pressed(Message):
        """A hint was clicked: its key."""

        def __init__(self, key: Key) -> None:
            super().__init__()
            self.key = key

    def __init__(self, id: str, table: tuple[Key, ...]) -> None:
        super().__init__(id)
        self._hits: list[tuple[int, int, Key]] = []
        self._table = table

    def show(self, view: MachineView, width: int) -> None:
        """As many hints as fit wholly in so many cells."""
        spans: list[tuple[str, Role]] = []
        self._hits = []
        column = 0
        for key in hints(view.running, self._table):
            shown = shown_first(key) if key.keys else key.shown
            cells = 1 + len(shown) + 1 + len(key.label) + 1
            if column + cells > width:
                break
            self._hits.append((column, column + cells, key))
            spans += [(f" {shown} ", "here"), (f"{key.label} ", "plain")]
            column += cells
        self.say(line(*spans))

    def on_click(self, event: events.Click) -> None:
        """A click on a hint does what the key does."""
        for start, end, key in self._hits:
            if start <= event.x < end:
                self.post_message(self.Pressed(key))
