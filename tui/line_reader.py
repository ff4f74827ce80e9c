"""Where the lines of a session without a screen come from: somebody who types, or a file."""

import contextlib
import sys
from collections.abc import Iterable
from typing import Final, Protocol

from emu.debug import script
from emu.picture.known import Named
from tui.completing import candidates
from tui.door import Door
from tui.printing import begin, say
from tui.sources import Sources

PROMPT: Final = "> "
LINE_MAX: Final = 1 << 16
"""Characters of a line that is read from a file; what is longer is several."""
OFFERED_MAX: Final = 40
"""Candidates that are listed at a time."""
_PLAIN: Final = (
    "set enable-bracketed-paste off", "set enable-meta-key off", "set bell-style none",
    "set colored-stats off", "set colored-completion-prefix off",
    "set blink-matching-paren off", "set show-all-if-ambiguous on",
)  # fmt: skip
"""What GNU readline would otherwise send beside the text itself."""


class Reader(Protocol):
    """Lines, one at a time."""

    by_hand: bool
    """Whether somebody types them."""
    typed: list[str]
    """Those that were typed, for the history."""

    def line(self) -> str | None:
        """The next one; None at the end."""


def reader_of(door: Door, history: Iterable[str]) -> Reader:
    """What reads standard input."""
    if sys.stdin is not None and sys.stdin.isatty():
        return ByHand(door, history)
    return Piped()


class Piped:
    """Lines of a file or a pipe: each is said behind the prompt, so that a log has it."""

    def __init__(self) -> None:
        self.by_hand = False
        self.typed: list[str] = []

    def line(self) -> str | None:
        """The next one that has a command, as in a script."""
        while line := "" if sys.stdin is None else sys.stdin.readline(LINE_MAX):
            if text := script.command(line):
                say(f"{PROMPT}{text}")
                return text
        return None


class ByHand:
    """What somebody types at a terminal: readline edits it, where Python has that."""

    def __init__(self, door: Door, history: Iterable[str]) -> None:
        self.by_hand = True
        self.typed: list[str] = []
        self._door = door
        self._found: tuple[Named, ...] = ()
        self._in_sight = ""
        """The line as readline has written it: what Tab adds, it writes behind the list."""
        with contextlib.suppress(ModuleNotFoundError):
            self._use_readline(history)

    def line(self) -> str | None:
        """The next one, empty to repeat; None for Ctrl+D, or where the terminal is gone."""
        try:
            text = input(PROMPT).strip()
        except (EOFError, OSError):
            say("")
            return None
        if text and self.typed[-1:] != [text]:
            self.typed.append(text)
        return text

    def _use_readline(self, history: Iterable[str]) -> None:
        import readline

        for words in _PLAIN:
            readline.parse_and_bind(words)
        tab = (
            "bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete"
        )
        readline.parse_and_bind(tab)
        readline.set_completer_delims(" ")
        readline.set_completer(self._complete)
        readline.set_completion_display_matches_hook(self._offer)
        for text in history:
            readline.add_history(text)

    def _complete(self, _: str, place: int) -> str | None:
        """A candidate for the last word of what is typed."""
        import readline

        if place == 0:
            self._in_sight = readline.get_line_buffer()
            text = self._in_sight[: readline.get_endidx()]
            self._found = candidates(text, Sources(self._door))
        return self._found[place].word if place < len(self._found) else None

    def _offer(self, _text: str, _matches: object, _longest: int) -> None:
        """All candidates with what they are, a line each, and then the prompt again."""
        rows = [f"{one.word}  {one.what}".rstrip() for one in self._found[:OFFERED_MAX]]
        more = len(self._found) - len(rows)
        say("\n".join(["", *rows, *([f"and {more:,} more"] if more else [])]))
        begin(f"{PROMPT}{self._in_sight}")
