"""One line of text being typed: what each key does to it."""

from typing import Final

from msgspec import Struct

LENGTH_MAX: Final = 1_000


class Edit(Struct, frozen=True):
    """The text, and how many characters stand before the cursor."""

    text: str = ""
    at: int = 0

    @staticmethod
    def end(text: str) -> "Edit":
        """This text with the cursor behind it."""
        return Edit(text[:LENGTH_MAX], min(len(text), LENGTH_MAX))

    def insert(self, text: str) -> "Edit":
        """Text typed or pasted at the cursor; only characters that can be seen."""
        text = "".join(c for c in text if c.isprintable())[: LENGTH_MAX - len(self.text)]
        return Edit(self.text[: self.at] + text + self.text[self.at :], self.at + len(text))

    def _cut(self, start: int, end: int) -> "Edit":
        return Edit(self.text[:start] + self.text[end:], start)

    def _word_start(self) -> int:
        before = self.text[: self.at].rstrip()
        return before.rfind(" ") + 1

    def key(self, key: str) -> "Edit":
        """The line after a key that moves or deletes, by Textual's name of it."""
        match key:
            case "backspace" | "ctrl+h":
                return self._cut(max(self.at - 1, 0), self.at)
            case "delete" | "ctrl+d":
                return self._cut(self.at, self.at + 1)
            case "left" | "ctrl+b":
                return Edit(self.text, max(self.at - 1, 0))
            case "right" | "ctrl+f":
                return Edit(self.text, min(self.at + 1, len(self.text)))
            case "home" | "ctrl+a":
                return Edit(self.text, 0)
            case "end" | "ctrl+e":
                return Edit.end(self.text)
            case "ctrl+w":
                return self._cut(self._word_start(), self.at)
            case "ctrl+u":
                return self._cut(0, self.at)
            case "ctrl+k":
                return Edit(self.text[: self.at], self.at)
        return self
