"""The keys that matter now, below the panels."""

from typing import Final, Literal

from textual import events
from textual.message import Message

from emu.picture.view import MachineView
from tui.bar import Bar
from tui.keys import Key, shown_first
from tui.text import Role, line

State = Literal["stopped", "running", "ended"]
_REST: Final = ("frame.next", "cpu.next")
BARS: Final[dict[State, tuple[str, ...]]] = {
    "stopped": (
        "step", "next", "run", "reverse.step", "prompt", "break", *_REST, "inject",
        "reverse.run", "finish", "goto", "filter", "zoom", "copy", "palette",
    ),
    "running": ("pause", "prompt", *_REST, "zoom", "copy", "palette"),
    "ended": (
        "findings", "reverse.step", "reverse.run", "goto", "reset", "prompt", *_REST, "inject",
        "filter", "zoom", "copy", "palette",
    ),
}  # fmt: skip
"""By what the machine does: the actions that one can take then, the most wanted first."""
ALWAYS: Final = ("help", "quit")
"""These two are there at every width."""
Hint = tuple[str, str, Key]
"""The key as people read it, what it does in a word, and its row of the table."""


def state_of(view: MachineView) -> State:
    """Whether the machine runs, stands, or has come to the end of its course."""
    if view.running:
        return "running"
    over = view.outcome not in (None, "stopped") and view.tick >= view.timeline.end
    return "ended" if over else "stopped"


def hints(view: MachineView, table: tuple[Key, ...], width: int) -> list[Hint]:
    """What can be done now, as many hints as fit wholly into so many cells; those that are
    always there stand last."""
    by_id = {key.id: key for key in table}
    always = [_hint(by_id[name]) for name in ALWAYS]
    room = width - sum(map(cells, always))
    found = []
    for name in BARS[state_of(view)]:
        if name == "findings" and not view.findings.rows:
            continue
        hint = _hint(by_id[name])
        if cells(hint) > room:
            break
        found.append(hint)
        room -= cells(hint)
    return [*found, *always]


def _hint(key: Key) -> Hint:
    """The shortest way to say a key."""
    if key.id == "cpu.next":
        return "< >", key.label, key
    return shown_first(key), key.label, key


def cells(hint: Hint) -> int:
    """How wide a hint is, with the air around it."""
    return len(hint[0]) + len(hint[1]) + 3


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
        for hint in hints(view, self._table, width):
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
