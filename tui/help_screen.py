"""What `?` shows: the panel in focus explained, and every key; it scrolls and is searched."""

import re
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from tui.line_editor import Edit
from tui.panels.base import Panel, span_words
from tui.text import Line, fit, line, pad, paragraph, plain
from tui.theme import Looks

WIDTH_MAX: Final = 88
FRAME: Final = (4, 2)
"""Cells that the border and its padding take from width and height."""
WHEEL_ROWS: Final = 3
_KEY_CELLS: Final = 11
_WORD_AND_MEANING: Final = re.compile(r"(  \S.*?  +)(\S.*)")
_KEYS: Final = ("Esc closes", "/ search", "Up Down PgUp PgDn")
"""The most wanted one first: a narrow box has room for that alone."""
_MORE: Final = "At the prompt ? explains any word: :?parked, :?cr0, :?nmi."
_FOUND: Final = Style(reverse=True)
"""The row that was searched for, also where there are no colours."""
_CLOSE: Final = ("escape", "q", "question_mark", "f1", "ctrl+c")


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
    return [*rows, (), *(line(row) for row in paragraph(_MORE, width))]


class Book(Widget):
    """Rows of text, a window of them in sight."""

    def __init__(self, looks: Looks) -> None:
        super().__init__(id="help")
        self._looks = looks
        self.rows: list[Line] = []
        self.top = 0
        self.marked: int | None = None
        """The row that was searched for."""

    @property
    def last(self) -> int:
        """The highest first row."""
        return max(len(self.rows) - max(self.size.height, 1), 0)

    def go(self, top: int) -> None:
        """Show the rows from this one on, or as near to it as there are rows."""
        self.top = min(max(top, 0), self.last)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row in the theme's colours; the one that was found is reversed."""
        at, width = self.top + y, self.size.width
        styled = self.rows[at] if at < len(self.rows) else ()
        strip = Strip([Segment(text, self._looks[role]) for text, role in fit(styled, width)])
        strip = strip.adjust_cell_length(width)
        if at == self.marked:
            strip = strip.apply_style(_FOUND)
        return strip.apply_style(self.rich_style)

    def render(self) -> RenderResult:
        """Never used: `render_line` draws."""
        return ""


class HelpScreen(ModalScreen[None]):
    """The explanation above the panels. The app hands it every key, in the order of typing."""

    def __init__(self, panel: Panel, looks: Looks, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys
        self._panel = panel
        self._book = Book(looks)
        self._search: Edit | None = None
        """What is being typed to search for."""
        self._wanted = ""
        self._told = ""
        """What there is to say about the last search."""

    def compose(self) -> ComposeResult:
        """One box."""
        yield self._book

    def on_mount(self) -> None:
        """The first page."""
        self._fit()

    def on_resize(self) -> None:
        """Another size of the terminal is another page."""
        self._fit()

    def _fit(self) -> None:
        size, book = self.app.size, self._book
        width = min(size.width, WIDTH_MAX)
        book.rows = page(self._panel, max(width - FRAME[0], 16), self._keys)
        height = min(size.height, len(book.rows) + FRAME[1])
        book.styles.width, book.styles.height = width, height
        book.border_title = self._panel.title
        self.call_after_refresh(self._say)

    def _say(self) -> None:
        """Where one is, and which keys there are; or what is being typed."""
        book = self._book
        book.go(book.top)
        if self._search is not None:
            book.border_subtitle = f"/{self._search.text}_".replace("[", r"\[")
            return
        seen = span_words(book.top, max(book.size.height, 1), len(book.rows))
        words = [self._told or seen] if self._told or seen else []
        for key in _KEYS:
            if len("   ".join((*words, key))) <= book.size.width - 2:
                words.append(key)
        book.border_subtitle = "   ".join(words).replace("[", r"\[")

    # -- keys -------------------------------------------------------------------------------

    def take(self, key: str, character: str | None) -> None:
        """What a key does."""
        self._told = ""
        if self._search is not None:
            self._type(self._search, key, character)
        elif key in _CLOSE:
            self.dismiss()
            return
        else:
            self._move(key)
        self._say()

    def paste(self, text: str) -> None:
        """The first line of a pasted text, where something is searched for."""
        if self._search is not None:
            self._search = self._search.insert(text.partition("\n")[0])
            self._say()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel scrolls."""
        self._scroll(event, WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel scrolls."""
        self._scroll(event, -WHEEL_ROWS)

    def _scroll(self, event: events.Event, rows: int) -> None:
        event.stop()
        self._book.go(self._book.top + rows)
        self._say()

    def _move(self, key: str) -> None:
        book, many = self._book, max(self._book.size.height - 1, 1)
        ways = {
            "up": -1, "k": -1, "down": 1, "j": 1, "enter": 1, "pageup": -many, "b": -many,
            "ctrl+u": -many, "pagedown": many, "space": many, "f": many, "ctrl+d": many,
            "home": -len(book.rows), "g": -len(book.rows), "end": len(book.rows),
            "G": len(book.rows),
        }  # fmt: skip
        if key == "slash":
            self._search = Edit()
        elif key in ("n", "N"):
            self._find(1 if key == "n" else -1)
        else:
            book.go(book.top + ways.get(key, 0))

    def _type(self, search: Edit, key: str, character: str | None) -> None:
        match key:
            case "escape" | "ctrl+c":
                self._search = None
            case "enter":
                self._wanted, self._search = search.text.lower(), None
                self._find(0)
            case _ if character is not None and character.isprintable():
                self._search = search.insert(character)
            case _:
                self._search = search.key(key)

    def _find(self, step: int) -> None:
        """Mark the next row that has what was searched for, round the end."""
        book = self._book
        hits = [at for at, row in enumerate(book.rows) if self._wanted in plain(row).lower()]
        if not self._wanted or not hits:
            book.marked = None
            self._told = f"no {self._wanted[:20]} here" if self._wanted else ""
            return
        here = book.top if book.marked is None or not step else book.marked
        behind = [at for at in hits if at > here - (not step)]
        before = [at for at in hits if at < here]
        book.marked = (behind or hits)[0] if step >= 0 else (before or hits)[-1]
        if not book.top <= book.marked < book.top + book.size.height:
            book.go(book.marked - book.size.height // 2)
