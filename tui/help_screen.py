"""What `?` and `help` open: words explained in a box that scrolls, is searched, and in which
every word that is explained leads on, and back."""

from typing import Final

from msgspec import Struct
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from emu.errors import ApdbgError
from emu.texts.language import language
from emu.texts.meaning import LABELS
from tui.book import Book
from tui.door import Door
from tui.help_page import Content, leaf
from tui.line_editor import Edit
from tui.panels.base import span_words
from tui.text import clean, plain
from tui.theme import Looks

WIDTH_MAX: Final = 88
FRAME: Final = (4, 2)
"""Cells that the border and its padding take from width and height."""
WHEEL_ROWS: Final = 3
ROWS_FROM_CELLS: Final = 44
"""A narrower box says which keys there are instead of which rows these are."""
_CLOSE: Final = ("escape", "q", "question_mark", "f1", "ctrl+c")


class Stand(Struct, frozen=True):
    """Where one is in a page."""

    content: Content
    top: int = 0
    chosen: int | None = None


def content_of(door: Door, word: str) -> Content:
    """The page of a word; of no word: of all that is explained. Raises ApdbgError."""
    title = clean(word) if word.isascii() else word
    title = title or LABELS[language()].topics
    return Content(title, door.meanings(word))


class HelpScreen(ModalScreen[None]):
    """The explanation above the panels. The app hands it every key, in the order of typing."""

    def __init__(self, content: Content, looks: Looks, door: Door) -> None:
        super().__init__()
        self._content = content
        self._door = door
        self._book = Book(looks)
        self._past: list[Stand] = []
        """The pages that one came from."""
        self._search: Edit | None = None
        """What is being typed to search for."""
        self._wanted = ""
        self._told = ""
        """What there is to say about the last search or link."""

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
        book.leaf = leaf(self._content, width - FRAME[0])
        height = min(size.height, len(book.leaf.rows) + FRAME[1])
        book.styles.width, book.styles.height = width, height
        book.border_title = self._content.title.replace("[", r"\[")
        book.refresh()
        self.call_after_refresh(self._say)

    def _say(self) -> None:
        """Where one is, and which keys there are, the most wanted ones; or what is typed."""
        book = self._book
        book.go(book.top)
        if self._search is not None:
            book.border_subtitle = f"/{self._search.text}_".replace("[", r"\[")
            return
        seen = span_words(book.top, max(book.size.height, 1), len(book.leaf.rows))
        seen = seen if book.size.width >= ROWS_FROM_CELLS else ""
        words = [self._told or seen] if self._told or seen else []
        for key in self._keys():
            if len("   ".join((*words, key))) <= book.size.width - 2:
                words.append(key)
        book.border_subtitle = "   ".join(words).replace("[", r"\[")

    def _keys(self) -> list[str]:
        keys = ["Esc closes"]
        keys += ["Enter follows"] if self._book.link is not None else []
        keys += ["Bksp back"] if self._past else []
        keys += ["Tab links"] if self._book.leaf.links else []
        return [*keys, "/ search", "Up Down PgUp PgDn"]

    # -- from page to page ------------------------------------------------------------------

    def follow(self, word: str) -> None:
        """Explain another word; the way back stays."""
        try:
            content = content_of(self._door, word)
        except ApdbgError as error:
            self._told = str(error)
            self._say()
            return
        self._past.append(Stand(self._content, self._book.top, self._book.chosen))
        self._turn(Stand(content))

    def _back(self) -> None:
        if self._past:
            self._turn(self._past.pop())

    def _turn(self, stand: Stand) -> None:
        book = self._book
        self._content = stand.content
        book.marked, book.chosen, book.top = None, stand.chosen, stand.top
        self._fit()

    def on_book_followed(self, message: Book.Followed) -> None:
        """A link was clicked."""
        message.stop()
        self.follow(message.word)

    # -- keys -------------------------------------------------------------------------------

    def take(self, key: str, character: str | None) -> None:
        """What a key does."""
        self._told = ""
        if self._search is not None:
            self._type(self._search, key, character)
        elif key in _CLOSE:
            self.dismiss()
            return
        elif not self._leads(key):
            self._move(key)
        self._say()

    def _leads(self, key: str) -> bool:
        """Links: which one, follow it, come back; False for a key that is none of these."""
        book = self._book
        steps = {"tab": 1, "right": 1, "shift+tab": -1, "left": -1}
        if key in steps:
            book.choose(steps[key])
        elif key == "enter" and book.link is not None:
            self.follow(book.link.word)
        elif key == "backspace":
            self._back()
        else:
            return False
        return True

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
        every = len(book.leaf.rows)
        ways = {
            "up": -1, "k": -1, "down": 1, "j": 1, "enter": 1, "pageup": -many, "b": -many,
            "ctrl+u": -many, "pagedown": many, "space": many, "f": many, "ctrl+d": many,
            "home": -every, "g": -every, "end": every, "G": every,
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
        rows = enumerate(book.leaf.rows)
        hits = [at for at, row in rows if self._wanted in plain(row).lower()]
        if not self._wanted or not hits:
            book.marked = None
            self._told = f"no {self._wanted[:20]} here" if self._wanted else ""
            return
        here = book.top if book.marked is None or not step else book.marked
        behind = [at for at in hits if at > here - (not step)]
        before = [at for at in hits if at < here]
        book.marked = (behind or hits)[0] if step >= 0 else (before or hits)[-1]
        book.show_row(book.marked)
