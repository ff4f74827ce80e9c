"""What the message line has said: kept, so that it can be read again, and counted where a run
had something more to say before anybody has read it."""

from typing import Final

from msgspec import Struct, field

KEPT_MAX: Final = 200


class Notices(Struct):
    """The notices of a session."""

    kept: list[str] = field(default_factory=list)
    """Each with the tick at which it was said, the newest last."""
    unread: bool = False
    """Whether no key was pressed since the last one."""
    _more: int = 0
    """How many before it nobody has read."""
    _turn: int = 0
    _said: int = 0
    """In which turn the last one was said: what one key says twice, it says once."""

    def keep(self, words: str, tick: int) -> None:
        """One more; the same again is one."""
        row = f"tick {tick:>11,}  {words}"
        if self.kept[-1:] != [row]:
            self.kept[:] = [*self.kept[-KEPT_MAX + 1 :], row]

    def say(self, words: str) -> str:
        """What the line shows for some words, which nobody has read yet."""
        if self.unread and words and self._said != self._turn:
            self._more += 1
        self.unread, self._said = bool(words), self._turn
        if not words:
            self._more = 0
        return f"{words}   ({self._more} more: :notices)" if self._more else words

    def read(self) -> None:
        """A key was pressed: whatever was said has been read."""
        self.unread, self._more = False, 0
        self.turn()

    def turn(self) -> None:
        """From here on it is something else that has something to say."""
        self._turn += 1
