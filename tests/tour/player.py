"""Someone who takes the tour in a real terminal: presses keys, and reads what comes."""

import itertools
from functools import partial
from pathlib import Path
from typing import Final

from emu.texts.language import Language
from emu.tour.lesson import Lesson
from emu.tour.words import tour_words, words
from tests.tour.answers import ANSWERS, Keys, Shows
from tests.tui.terminal import Terminal

Size = tuple[int, int]
LOCALES: Final[dict[Language, str]] = {"en": "C.UTF-8", "zh": "zh_CN.UTF-8"}
BEGINNING: Final = 60
"""So many characters of an explanation are in the first rows of any strip."""
_RUNS: Final = ("RUNNING", "looking through the past")


def squeezed(text: str) -> str:
    """Without blanks and breaks: what is wrapped somewhere is the same."""
    return "".join(text.split())


class Player:
    """Keys in, and the screen read as often as it takes."""

    def __init__(self, terminal: Terminal, tongue: Language) -> None:
        self.terminal, self.tongue = terminal, tongue
        self._marks = (f"#{number}" for number in itertools.count(10))

    def reads(self, text: str) -> None:
        """Wait until this is on the screen, wherever it is wrapped."""
        self.terminal.wait_until(lambda: squeezed(text) in squeezed(self.terminal.text), text)

    def _lacks(self, words: str) -> bool:
        return words not in self.terminal.text

    def press(self, keys: Keys) -> None:
        """Each text of them when the one before has been carried out."""
        for index, one in enumerate(keys):
            if isinstance(one, Shows):
                self.reads(one.words)
                continue
            self.terminal.press(one)
            if index < len(keys) - 1:
                self.stands()

    def stands(self) -> None:
        """Wait until all keys have been read, and the machine stands still: a prompt that is
        opened now says when they have."""
        mark = next(self._marks)
        self.terminal.press(f":{mark}")
        self.terminal.wait_for(f": {mark}")
        self.terminal.press("\x1b")
        self.terminal.wait_until(partial(self._lacks, f": {mark}"), "the prompt closes")
        for word in _RUNS:
            self.terminal.wait_until(partial(self._lacks, word), f"the end of {word}")

    def says(self, text: str) -> None:
        """A line at the prompt."""
        self.terminal.press(f":{text}\r")

    def begins(self, lesson: Lesson) -> None:
        """The question is asked."""
        self.reads(words(lesson.name, self.tongue).question)
        self.stands()

    def fails(self, lesson: Lesson, name: str) -> None:
        """A wrong answer is told off with its sentence; then the lesson begins again."""
        self.press(ANSWERS[lesson.name].wrong[name])
        self.reads(words(lesson.name, self.tongue).wrong[name])
        self.terminal.press("\x03")  # a line that was refused stays in the prompt
        self.says("tour reset")
        self.begins(lesson)

    def solves(self, lesson: Lesson) -> None:
        """The shipped answer is the answer; what it explains is read to its end."""
        self.press(ANSWERS[lesson.name].solves)
        self.reads(squeezed(words(lesson.name, self.tongue).explained)[:BEGINNING])
        self.stands()
        while "Enter reads on" in self.terminal.text:
            self.terminal.press("\r")
            self.stands()

    def goes_on(self) -> None:
        """To the next lesson."""
        assert "Enter: next lesson" in self.terminal.text, self.terminal.text
        self.terminal.press("\r")

    def is_over(self) -> None:
        """All lessons are done."""
        self.reads(squeezed(tour_words(self.tongue).over)[:20])

    def quits(self) -> None:
        """Without a trace."""
        self.terminal.press("q")
        assert self.terminal.leave() == 0
        assert b"Traceback" not in self.terminal.raw


def terminal(*said: str, size: Size, tongue: Language, state: Path) -> Terminal:
    """`apdbg ...` for a person of this language, whose state is in a folder."""
    locale = dict.fromkeys(("LANGUAGE", "LC_ALL", "LC_MESSAGES"), "")
    return Terminal(
        *said, size=size, **locale, LANG=LOCALES[tongue], ESCDELAY="20",
        XDG_STATE_HOME=str(state), PYTHONUTF8="1",
    )  # fmt: skip
