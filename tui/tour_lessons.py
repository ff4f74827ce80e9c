"""Lessons on the screen: each on a session of its own, told in the strip."""

from collections.abc import Callable
from functools import partial
from typing import Final

from emu.errors import CommandError
from emu.texts.language import language
from emu.tour.guide import Guide, lesson_of
from emu.tour.lesson import Lesson
from emu.tour.words import tour_words, words
from tui import runner, tour_page
from tui.arranging import Arranging
from tui.desk import Desk
from tui.door import Door
from tui.state_folder import state_folder
from tui.text import Line
from tui.tour_memory import TourMemory
from tui.tour_page import Told
from tui.tour_strip import Told as Draws
from tui.way import Way

_TURNS: Final = {"strip": "text", "text": "list", "list": "folded", "folded": "strip"}
"""What `T` shows next while a lesson goes on."""
_STEPS: Final = {"up": -1, "down": 1}
"""Keys that choose in the list of lessons, and scroll a text."""
_BACK: Final = ("repeat", "cancel")
"""Keys that do nothing but leave what fills the screen."""


def offer() -> Draws:
    """The first screen in a few words, and the way into the tour."""
    said = tour_words(language())
    head = partial(tour_page.rule, "apdbg", "Enter: the tour")
    return lambda width, _: [head(width), *tour_page.texts([(said.offer, "plain")], width)]


class TourLessons:
    """The tour that goes on. A lesson's session takes the place of the person's own, which
    comes back when the tour is left."""

    def __init__(self, desk: Desk, arranging: Arranging, way: Way) -> None:
        self._desk, self._arranging, self._way = desk, arranging, way
        self._memory = TourMemory(state_folder())
        self._guide = Guide(self._memory.read())
        self._language = language()
        self._said = tour_words(self._language)
        self._own: Door | None = None
        """The session from before the tour, while a lesson has its place."""
        self._shown = "closed"
        """What is seen of the tour: closed, folded, strip, text or list."""
        self._page = 0
        """Of the explanation."""
        self._chosen = 0
        """In the list: which lesson Enter begins."""
        self._top = 0
        """Of a lesson's text: how many rows are above the first one that is shown."""
        desk.after = self.look

    # -- words and keys ---------------------------------------------------------------------

    def word(self, rest: str) -> None:
        """What stands behind `tour`; raises CommandError."""
        acts: dict[str, Callable[[], object]] = {
            "": partial(self._show, "list"), "all": self._all, "next": self._next,
            "hint": self.hint,
            "reset": self._again, "bare": partial(self._lead, bare=True),
            "guided": partial(self._lead, bare=False), "leave": self.leave,
        }  # fmt: skip
        act = acts.get(rest)
        if act is None:
            self._begin(lesson_of(rest, self._guide.lessons))
        else:
            act()

    def turn(self) -> None:
        """All of the lesson, the list, one row, and the lesson again."""
        if self._guide.session is None:
            self._show("closed" if self._shown == "list" else "list")
        else:
            self._show(_TURNS[self._shown])

    def _all(self) -> None:
        self._show("list" if self._guide.session is None else "text")

    def hint(self) -> None:
        """A further hint of the lesson."""
        guide = self._guide
        if guide.session is None:
            self._desk.say("there is no lesson now: T shows them", "dim")
        elif guide.solved or not guide.hint(len(words(guide.lesson.name, "en").hints)):
            self._desk.tell(self._said.no_hint, "dim")
        self._memory.write(guide.progress)
        self._desk.strip.refresh()

    def takes(self, action: str) -> bool:
        """Whether a key is the tour's now, and has been carried out."""
        if action == "tour" or self._desk.number.digits:
            return False
        if self._shown in ("text", "list") and action in _STEPS:
            self._step(_STEPS[action])
            return True
        if self._shown in ("text", "list"):
            begins = self._shown == "list" and action == "repeat"
            chosen = self._guide.lessons[self._chosen]
            self._show("closed" if self._guide.session is None else "strip")
            if begins:
                self._begin(chosen)
            return action in _BACK
        if self._shown == "strip" and self._guide.solved and action == "repeat":
            self._read_on()
            return True
        return False

    def _step(self, step: int) -> None:
        """Choose another lesson of the list; show other rows of a text that is too long."""
        strip = self._desk.strip
        if self._shown == "list":
            self._chosen = (self._chosen + step) % len(self._guide.lessons)
        else:
            width, height = strip.size
            last = max(len(tour_page.whole(self._told(), width)) - height, 0)
            self._top = min(max(self._top + step, 0), last)
        strip.refresh()

    def leave(self) -> None:
        """Back to the session from before the tour; the lesson can be gone on with later."""
        self.put_back()
        self._guide.session = None
        self._show("closed")
        self._desk.tell(self._said.left)

    def put_back(self) -> None:
        """The session from before the tour is the screen's again."""
        if self._own is not None:
            self._take(self._own)
            self._own = None

    # -- lessons ----------------------------------------------------------------------------

    def _begin(self, lesson: Lesson) -> None:
        desk, guide = self._desk, self._guide
        if desk.session.running:
            raise CommandError("the machine is running: pause it first")
        session = guide.begin(lesson)
        session.in_slices = True
        if self._own is None:
            self._own = desk.session
        self._take(session)
        self._page = 0
        self._memory.write(guide.progress)
        self._show("strip")
        if not guide.progress.bare:
            self._lead_the_way(lesson)
        desk.said.clear()
        desk.say("")

    def _take(self, session: Door) -> None:
        """Show another session, as if the screen had begun with it."""
        self._desk.take(session)
        self._way.forget()
        self._desk.said.clear()

    def _lead_the_way(self, lesson: Lesson) -> None:
        """Open the panel that the lesson is about, and light its row."""
        desk = self._desk
        for text in lesson.look:
            runner.start(desk.session, text)
        if lesson.panel:
            self._arranging.show_panel(lesson.panel)
        desk.show(anew=True)
        if lesson.row:
            desk.frames.current.light(lesson.row)

    def _next(self) -> None:
        """The lesson after this one; where none goes on, the one that was left."""
        guide = self._guide
        found = guide.lesson if guide.session is None else guide.following()
        if found is None:
            self.leave()
            self._desk.tell(self._said.over, "good")
        else:
            self._begin(found)

    def _again(self) -> None:
        self._begin(self._guide.lesson)

    def _lead(self, *, bare: bool) -> None:
        """The lesson from its beginning, bare or guided."""
        self._guide.progress.bare = bare
        self._memory.write(self._guide.progress)
        if self._guide.session is not None:
            self._again()

    def _read_on(self) -> None:
        """The next part of the explanation, or the next lesson."""
        size = self._desk.strip.size
        if self._page + 1 < tour_page.pages(self._told(), *size):
            self._page += 1
            self._desk.strip.refresh()
        else:
            self._next()

    def look(self) -> None:
        """Something was done: look whether the lesson is."""
        desk, guide = self._desk, self._guide
        if guide.session is None or desk.session is not guide.session or desk.session.running:
            return
        for text, refused in desk.said:
            guide.heard(text, refused=refused)
        desk.said.clear()
        frame = desk.frames.current
        if guide.look(frame.panel.id, frame.cursor):
            if guide.solved:
                self._memory.write(guide.progress)
                if self._shown == "folded":
                    self._show("strip")
            desk.strip.refresh()

    # -- what is seen -----------------------------------------------------------------------

    def _show(self, shown: str) -> None:
        """Another way to look at the tour; panels make room for it."""
        self._shown, self._chosen, self._top = shown, self._guide.number - 1, 0
        strip = self._desk.strip
        strip.shape = "whole" if shown in ("text", "list") else shown  # type: ignore[assignment]
        strip.tell(self._draw)
        self._arranging.again()

    def _draw(self, width: int, height: int) -> list[Line]:
        if self._shown == "list":
            titles = [words(one.name, self._language).title for one in self._guide.lessons]
            return tour_page.lessons(
                self._guide, self._said, titles, self._chosen, width, height
            )
        if self._shown == "text":
            head, *rows = tour_page.whole(self._told(), width)
            return [head, *rows[self._top : self._top + height - 1]]
        return tour_page.strip(self._told(), width, height)

    def _told(self) -> Told:
        guide = self._guide
        return Told(
            guide.number, len(guide.lessons), words(guide.lesson.name, self._language),
            self._said, guide.progress.bare, guide.progress.hints, guide.wrong, guide.solved,
            self._page, self._desk.keys.get("tour.hint", ":tour hint"),
            self._desk.keys.get("tour", ":tour all"),
        )  # fmt: skip
