"""The tour as it goes: one lesson at a time on a session of its own, and what is done."""

from collections.abc import Sequence

from msgspec import Struct

from emu.debug import language as commands
from emu.debug.session import Session
from emu.errors import CommandError
from emu.given.nearest import did_you_mean
from emu.given.number import is_digits
from emu.given.plain import shown
from emu.tour.lesson import Holds, Lesson, opened
from emu.tour.lessons import LESSONS
from emu.tour.scene import Scene


class Progress(Struct):
    """What is kept of the tour from one session to the next."""

    done: list[str] = []
    """Names of lessons."""
    at: str = ""
    """The lesson that was left; empty: none was begun."""
    hints: int = 0
    """How many of its hints were shown."""
    bare: bool = False
    """Whether panels stay as they are and only the question is told."""


def lesson_of(text: str, lessons: Sequence[Lesson] = LESSONS) -> Lesson:
    """A lesson by its number in the tour, from 1, or its name; raises CommandError."""
    if is_digits(text) and 1 <= int(text) <= len(lessons):
        return lessons[int(text) - 1]
    for lesson in lessons:
        if lesson.name == text:
            return lesson
    names = [lesson.name for lesson in lessons]
    near = "" if is_digits(text) else did_you_mean(text, names)
    raise CommandError(f"no lesson is {shown(text)}: they are 1 to {len(lessons)}{near}")


class Guide:
    """Begins lessons, hears what is done in them, and tells when one is over."""

    def __init__(self, progress: Progress, lessons: Sequence[Lesson] = LESSONS) -> None:
        self.progress = progress
        self.lessons = tuple(lessons)
        left = next((lesson for lesson in lessons if lesson.name == progress.at), None)
        is_open = left is not None and left.name not in progress.done
        self.lesson = (left if is_open else self._undone()) or self.lessons[0]
        self.session: Session | None = None
        """That of the lesson; None: it has not begun."""
        self.wrong = ""
        """The name of the sentence for what was done last, if it was wrong."""
        self.solved = False
        """Whether the lesson is done, since it began."""
        self._commands: tuple[str, ...] = ()
        self._refused = ""

    def begin(self, lesson: Lesson) -> Session:
        """A lesson from its beginning, on a session of its own; raises ApdbgError."""
        if lesson.name != self.progress.at:
            self.progress.at, self.progress.hints = lesson.name, 0
        self.lesson, self.session = lesson, opened(lesson)
        self.wrong, self.solved, self._commands = "", False, ()
        self._refused = ""
        return self.session

    def heard(self, text: str, *, refused: bool = False) -> None:
        """A command was carried out, or refused, as it was typed."""
        assert self.session is not None, "a lesson goes on"
        self._refused = text if refused else ""
        if refused:
            return
        try:
            self._commands += (str(commands.parse(text, self.session.looks.words)),)
        except CommandError:
            return

    def look(self, panel: str = "", row: str = "") -> bool:
        """Look whether the lesson is done now, or what was done is wrong; whether anything of
        that is new."""
        if self.session is None or self.solved or self.session.searching:
            return False
        seen = Scene(self.session, self._commands, self._refused, panel, row)
        before, self.wrong = self.wrong, ""
        if _holds(self.lesson.done, seen):
            self.solved = True
            if self.lesson.name not in self.progress.done:
                self.progress.done.append(self.lesson.name)
            return True
        self.wrong = next(
            (name for name, holds in self.lesson.wrong if _holds(holds, seen)), ""
        )
        return self.wrong != before

    def do(self, text: str, panel: str = "", row: str = "") -> None:
        """Carry a command out as the screen does, without one."""
        assert self.session is not None, "a lesson goes on"
        try:
            self.session.do(text)
        except CommandError:
            self.heard(text, refused=True)
        else:
            self.heard(text)
        self.look(panel, row)

    def hint(self, count: int) -> bool:
        """Show one more of so many hints; False if all are shown."""
        if self.progress.hints >= count:
            return False
        self.progress.hints += 1
        return True

    @property
    def number(self) -> int:
        """Of the lesson in the tour, from 1."""
        return self.lessons.index(self.lesson) + 1

    def following(self) -> Lesson | None:
        """The lesson after this one; behind the last one the first that is not done; None: all
        are."""
        behind = self.lessons[self.number :]
        return behind[0] if behind else self._undone()

    def _undone(self) -> Lesson | None:
        done = self.progress.done
        return next((one for one in self.lessons if one.name not in done), None)


def _holds(holds: Holds, seen: Scene) -> bool:
    """Whether it is so; what cannot be looked at now, is not."""
    try:
        return holds(seen)
    except CommandError:
        return False
