"""The keys that matter now, below the panels."""

from collections.abc import Callable

from textual import events
from textual.message import Message

from emu.picture.view import MachineView
from tui.bar import Bar
from tui.hints import ALWAYS, cells, hints
from tui.keys import Key
from tui.situation import Situation
from tui.text import Span, line


class KeyBar(Bar):
    """The few keys that matter now; a click on one is that key. None is ever half shown, and
    those that are always there stand at the right end."""

    class Pressed(Message):
        """A hint was clicked: its key."""

        def __init__(self, key: Key) -> None:
            super().__init__()
            self.key = key

    def __init__(self, id: str, table: tuple[Key, ...]) -> None:
        super().__init__(id)
        self._hits: list[tuple[int, int, Key]] = []
        self._table = table
        self.situation: Callable[[], Situation] = Situation
        """Tells what somebody is about to do."""

    def show(self, view: MachineView, width: int) -> None:
        """As many hints as fit wholly in so many cells."""
        found = hints(view, self._table, width, self.situation())
        spare = width - sum(map(cells, found))
        spans: list[Span] = []
        self._hits = []
        column = 0
        for place, hint in enumerate(found):
            if place == len(found) - len(ALWAYS):
                spans.append((" " * spare, "plain"))
                column += spare
            shown, label, key = hint
            self._hits.append((column, column + cells(hint), key))
            spans += [(f" {shown} ", "here"), (f"{label} ", "plain")]
            column += cells(hint)
        self.say(line(*spans))

    def on_click(self, event: events.Click) -> None:
        """A click on a hint does what the key does."""
        for start, end, key in self._hits:
            if start <= event.x < end:
                self.post_message(self.Pressed(key))
