"""What `?` shows: the panel in focus explained, and every key."""

import re
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.panels.base import Panel
from tui.text import Line, line, pad, paragraph
from tui.theme import Looks

WIDTH_MAX = 88
_KEY_CELLS = 10
_WORD_AND_MEANING = re.compile(r"(  \S.*?  +)(\S.*)")


def explained(text: str, width: int) -> list[str]:
    """Paragraphs wrapped to the width; in a block of indented lines each stays a line."""
    rows: list[str] = []
    for block in text.split("\n\n"):
        rows += [""] if rows else []
        if block.startswith("  "):
            for row in block.split("\n"):
                rows += _hanging(row, width)
        else:
            rows += paragraph(block, width)
    return rows


def _hanging(row: str, width: int) -> list[str]:
    """`  word    meaning`, the meaning wrapped below itself."""
    found = _WORD_AND_MEANING.match(row)
    if found is None or len(row) <= width:
        return [row]
    head, meaning = found.groups()
    first, *more = paragraph(meaning, max(width - len(head), 8))
    return [head + first, *(" " * len(head) + part for part in more)]


def page(panel: Panel, width: int, keys: list[tuple[str, str]]) -> list[Line]:
    """The whole help of a panel; `keys`: each as people read it, and what it does."""
    rows = [line((row, "plain")) for row in explained(panel.help, width)]
    rows += [(), line(("Keys", "strong"))]
    for shown, does in keys:
        first, *more = paragraph(does, max(width - _KEY_CELLS - 2, 8))
        rows.append(line((pad(shown, _KEY_CELLS) + "  ", "here"), first))
        rows += [line(" " * (_KEY_CELLS + 2), row) for row in more]
    return rows


class HelpScreen(ModalScreen[None]):
    """The explanation above the panels; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "dismiss", "close", show=False)
    ]

    def __init__(self, panel: Panel, looks: Looks, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys
        self._panel = panel
        self._looks = looks

    def compose(self) -> ComposeResult:
        """One scrolling box."""
        width = min(self.app.size.width, WIDTH_MAX)
        text = Text("\n").join(
            Text.assemble(*((part, self._looks[role]) for part, role in row))
            for row in page(self._panel, max(width - 6, 16), self._keys)
        )
        with VerticalScroll(id="help") as box:
            box.border_title = self._panel.title
            box.border_subtitle = "Esc closes"
            box.styles.width = width
            yield Static(text)
