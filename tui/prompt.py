"""The `:` prompt: the whole command language, with completion, history and help."""

from collections.abc import Callable, Iterable
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from emu.inject.menu_view import InjectionMenu
from tui.bar import Bar
from tui.line_editor import Edit
from tui.text import clean

HISTORY_MAX: Final = 200
_CURSOR: Final = Style(reverse=True)


def names(symbols: Iterable[str]) -> tuple[str, ...]:
    """Symbols that one types, sorted: without those that repeat one with its image's name."""
    typed = (one for one in symbols if one.replace(".", "_").isidentifier())
    return tuple(sorted({one for one in typed if not one.startswith(".")}))


def complete(text: str, names: tuple[str, ...], menu: InjectionMenu) -> str | None:
    """The text with its last word completed: commands first, then what stands behind them."""
    head, space, last = text.rpartition(" ")
    if not last:
        return None
    from emu.debug import language  # the machine need not be loaded before somebody types

    words = head.split()
    command = language.command_of(head) if space else None
    pool = names if space else tuple(language.BY_WORD)  # the most wanted ones first
    if command is not None:
        pool = (*command.choices(len(words) - 1), *names)
    if words[:1] == ["inject"]:
        pool = _behind_inject(words[1:], names, menu)
    found = next((name for name in pool if name.startswith(last) and name != last), None)
    return None if found is None else f"{head}{space}{found}"


def _behind_inject(
    words: list[str], names: tuple[str, ...], menu: InjectionMenu
) -> tuple[str, ...]:
    """A kind, its parameters, then `at` and a moment."""
    if not words:
        return tuple(kind.name for kind in menu.kinds)
    return (*menu.moment_words, *names) if "at" in words else ("at", *names)


def explain(text: str, menu: InjectionMenu) -> str:
    """What the command being typed does; the command words while none is."""
    from emu.debug import language

    words = text.split()
    word = words[0] if words else ""
    command = language.command_of(text)
    if command is None:
        near = [name for name in language.BY_WORD if name.startswith(word)]
        return "  ".join(near) or f"{word!r} is no command: help lists them"
    if word == "inject" and (len(words) > 1 or text.endswith(" ")):
        return _explain_inject(words[1:], menu)
    return command.help


def _explain_inject(words: list[str], menu: InjectionMenu) -> str:
    """The kinds that begin like this; how the one that was named is written, or a moment."""
    if "at" in words:
        return menu.moment_usage
    kind = menu.kind(words[0]) if words else None
    if kind is not None:
        return f"{kind.usage} [at MOMENT]: {kind.help}"
    near = [one.name for one in menu.kinds if one.name.startswith("".join(words[:1]))]
    return "  ".join(near) or f"there is no kind {words[0]!r} here: i lists them"


class Prompt(Bar):
    """One line for a command.

    The app hands it every key in the order in which they were typed, so that a command and what
    is typed behind it never mix, however fast they come."""

    def __init__(
        self, names: Callable[[], tuple[str, ...]], menu: Callable[[], InjectionMenu]
    ) -> None:
        super().__init__("prompt")
        self._menu = menu
        self.edit = Edit()
        self.history: list[str] = []
        self._names = names
        self._back = 0

    def open(self, text: str) -> None:
        """Begin a command with this text."""
        self._back = 0
        self._put(Edit.end(text))

    def remember(self, text: str) -> None:
        """Keep a command that was carried out, or tried."""
        if text and self.history[-1:] != [text]:
            self.history = [*self.history, text][-HISTORY_MAX:]
        self._back = 0

    def take(self, key: str, character: str | None) -> None:
        """What a key does: Tab completes, Up and Down bring back earlier commands."""
        if key == "tab" or (key == "right" and self.edit.at == len(self.edit.text)):
            self._put(Edit.end(self._completed() or self.edit.text))
        elif key in ("up", "down"):
            self._recall(1 if key == "up" else -1)
        elif character is not None and character.isprintable():
            self._put(self.edit.insert(character))
        else:
            self._put(self.edit.key(key))

    def _completed(self) -> str | None:
        return complete(self.edit.text, self._names(), self._menu())

    def _recall(self, step: int) -> None:
        """Further back or forward in the history; before its newest the line is empty."""
        self._back = min(max(self._back + step, 0), len(self.history))
        self._put(Edit.end(self.history[-self._back] if self._back else ""))

    def paste(self, text: str) -> None:
        """The first line of a pasted text."""
        self._put(self.edit.insert(text.partition("\n")[0]))

    def _put(self, edit: Edit) -> None:
        self.edit = edit
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """`: text`, the cursor reversed, what Tab would add dim; the cursor stays visible."""
        text, at = clean(self.edit.text), self.edit.at
        start = max(at - max(self.size.width - 4, 1), 0)
        ghost = ""
        if at == len(text):
            ghost = (self._completed() or text)[at:]
        under = (text[at:] or ghost or " ")[0]
        plain, dim = self.looks["plain"], self.looks["dim"]
        strip = Strip([
            Segment(": ", self.looks["here"]), Segment(text[start:at], plain),
            Segment(under, plain + _CURSOR), Segment(text[at + 1 :], plain),
            Segment(ghost[1:], dim),
        ])  # fmt: skip
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)
