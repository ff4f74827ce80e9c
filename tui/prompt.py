"""The `:` prompt: the whole command language, with completion, history and help."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.bar import Bar
from tui.door import Door
from tui.line_editor import Edit
from tui.sources import Sources
from tui.text import Line, clean, line

HISTORY_MAX: Final = 200
_CURSOR: Final = Style(reverse=True)
_SEARCH: Final = "ctrl+r"


def names(symbols: Iterable[str]) -> tuple[str, ...]:
    """Symbols that one types, sorted: without those that repeat one with its image's name."""
    typed = (one for one in symbols if one.replace(".", "_").isidentifier())
    return tuple(sorted({one for one in typed if not one.startswith(".")}))


class Search(Struct, frozen=True):
    """A search backwards through the history: what was typed, and which hit is shown."""

    text: str = ""
    nth: int = 0
    """0 for the newest line that has the text."""

    def hit(self, history: list[str]) -> str | None:
        """The line that is shown; the earliest one that there is, where `nth` goes beyond."""
        found = [one for one in dict.fromkeys(reversed(history)) if self.text in one]
        return found[min(self.nth, len(found) - 1)] if found else None


class Prompt(Bar):
    """One line for a command.

    The app hands it every key in the order in which they were typed, so that a command and what
    is typed behind it never mix, however fast they come."""

    def __init__(self, door: Door) -> None:
        super().__init__("prompt")
        self._door = door
        self.edit = Edit()
        self.history: list[str] = []
        self.search: Search | None = None
        """What is searched for in the history, while it is."""
        self.offered = ""
        """What Tab found, while it is chosen from."""
        self.sources = Sources(door)
        self._choices: list[str] = []
        """The lines that further Tabs bring."""
        self._back = 0

    def serve(self, door: Door) -> None:
        """Complete what another session knows."""
        self._door = door
        self.sources = Sources(door)

    def open(self, text: str) -> None:
        """Begin a command with this text."""
        self._back = 0
        self.search = None
        self._choices, self.offered = [], ""
        self.sources = Sources(self._door)
        self._put(Edit.end(text))

    def remember(self, text: str) -> None:
        """Keep a command that was carried out, or tried."""
        if text and self.history[-1:] != [text]:
            self.history = [*self.history, text][-HISTORY_MAX:]
        self._back = 0
        self.sources = Sources(self._door)

    def take(self, key: str, character: str | None) -> None:
        """What a key does: Tab completes, Up and Down bring back earlier commands, Ctrl+R
        searches them."""
        if self.search is not None or key == _SEARCH:
            self._look_back(self.search, key, character)
            return
        if key != "tab":
            self._choices, self.offered = [], ""
        if key == "tab" or (key == "right" and self.edit.at == len(self.edit.text)):
            self._complete(key)
        elif key in ("up", "down"):
            self._recall(1 if key == "up" else -1)
        elif character is not None and character.isprintable():
            self._put(self.edit.insert(character))
        else:
            self._put(self.edit.key(key))

    def paste(self, text: str) -> None:
        """The first line of a pasted text."""
        self._choices, self.offered = [], ""
        self._put(self.edit.insert(text.partition("\n")[0]))

    def _put(self, edit: Edit) -> None:
        self.edit = edit
        self.refresh()

    # -- completion -------------------------------------------------------------------------

    def _complete(self, key: str) -> None:
        """The first candidate; where there are several, further Tabs bring the others."""
        from tui.completing import candidates, offered

        if self._choices:
            self._choices = [*self._choices[1:], self._choices[0]]
            self._put(Edit.end(self._choices[0]))
            return
        head, space, last = self.edit.text.rpartition(" ")
        found = candidates(self.edit.text, self.sources)
        self.offered = offered(found) if len(found) > 1 else ""
        if not found or not (last or (key == "tab" and len(found) == 1)):
            return
        lines = [f"{head}{space}{one.word}" for one in found]
        self._choices = lines if key == "tab" and len(lines) > 1 else []
        self._put(Edit.end(lines[0]))

    def _ghost(self) -> str:
        """What Tab would add to the text."""
        text = self.edit.text
        if self._choices or self.edit.at != len(text) or self.search is not None:
            return ""
        from tui.completing import complete

        return (complete(text, self.sources) or text)[len(text) :]

    # -- history ----------------------------------------------------------------------------

    def _recall(self, step: int) -> None:
        """Further back or forward in the history; before its newest the line is empty."""
        self._back = min(max(self._back + step, 0), len(self.history))
        self._put(Edit.end(self.history[-self._back] if self._back else ""))

    def _look_back(self, search: Search | None, key: str, character: str | None) -> None:
        """Ctrl+R again goes further back; a key that edits takes the hit over."""
        if search is None:
            self.search = Search()
        elif key == _SEARCH:
            further = Search(search.text, search.nth + 1)
            more = further.hit(self.history) != search.hit(self.history)
            self.search = further if more else search
        elif key == "backspace":
            self.search = Search(search.text[:-1])
        elif character is not None and character.isprintable():
            self.search = Search(search.text + character)
        else:
            self.found()
        self.refresh()

    def found(self) -> bool:
        """The search is over, and what it shows is the command that is being typed; False
        where it shows nothing."""
        if self.search is None:
            return True
        hit = self.search.hit(self.history)
        if hit is None:
            return False
        self.search = None
        self._put(Edit.end(hit))
        return True

    def forget_search(self) -> bool:
        """Leave the search; False if there was none."""
        had, self.search = self.search is not None, None
        self.refresh()
        return had

    # -- drawing ----------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """`: text`, the cursor reversed, what Tab would add dim; the cursor stays visible. Or
        `(search) part: the line that has it`."""
        if self.search is not None:
            spans = self._search_line(self.search)
            strip = Strip([Segment(text, self.looks[role]) for text, role in spans])
            return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)
        text, at = clean(self.edit.text), self.edit.at
        start = max(at - max(self.size.width - 4, 1), 0)
        ghost = self._ghost()
        under = (text[at:] or ghost or " ")[0]
        plain, dim = self.looks["plain"], self.looks["dim"]
        strip = Strip([
            Segment(": ", self.looks["here"]), Segment(text[start:at], plain),
            Segment(under, plain + _CURSOR), Segment(text[at + 1 :], plain),
            Segment(ghost[1:], dim),
        ])  # fmt: skip
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _search_line(self, search: Search) -> Line:
        hit = search.hit(self.history)
        told = "nothing has it" if hit is None else hit
        return line(
            ("(search) ", "here"), (f"{search.text}: ", "strong"),
            (told, "bad" if hit is None else "plain"),
        )  # fmt: skip
