"""The desk of the screen: what its parts share."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field
from textual.app import App

from emu.picture.view import MachineView, Section
from tui import bugs
from tui.bar import Bar
from tui.door import Door
from tui.frames import Frames
from tui.notices import Notices
from tui.prompt import Prompt, names
from tui.text import Role, line
from tui.tour_strip import TourStrip
from tui.trail import Trail
from tui.typed_number import TypedNumber

ASKING = "-asking"
"""The class of the screen while its prompt is open."""
SAID_MAX: Final = 100


class Desk(Struct):
    """One session on a screen. Parts take the desk and at most two other parts."""

    app: App[int]
    """Textual's part of it: timers, dialogs, the size of the terminal."""
    session: Door
    seen: MachineView
    """The picture that is shown."""
    frames: Frames
    bars: tuple[Bar, ...]
    """The lines that show something of every picture."""
    message: Bar
    prompt: Prompt
    strip: TourStrip
    width: int = 80
    """Cells of a row of the terminal; Textual's own figure is the old one while it tells of a
    new one."""
    keys: Mapping[str, str] = {}
    """Action -> the key that does it, as people read it."""
    number: TypedNumber = field(default_factory=TypedNumber)
    trail: Trail = field(default_factory=Trail)
    submits: bool = False
    """Whether what was typed at the prompt is being carried out."""
    jumping: bool = False
    """Whether the next key is the letter of a panel."""
    said: list[tuple[str, bool]] = field(default_factory=list)
    """The commands that were given, as they were typed, and whether they were refused; the
    newest last, at most SAID_MAX."""
    after: Callable[[], object] = lambda: None
    """Called when there is a new picture."""
    _dark: str = ""
    """Why there is no picture of this moment; said instead of anything else."""
    notices: Notices = field(default_factory=Notices)

    def say(self, words: str, role: Role = "plain", *, passing: bool = False) -> None:
        """One sentence on the message line, which stays there until the next key: it has been
        read then. It can be read again, unless it is `passing`, as what is typed changes it."""
        if self._dark:
            words, role = self._dark, "bad"
        if words and not passing:
            self.notices.keep(words, self.seen.tick)
        self.message.say(line((f" {self.notices.say(words)}", role)))

    def clear(self) -> None:
        """Nothing is left to say; what somebody has not read yet stays."""
        if not self.notices.unread:
            self.say("")

    def tell(self, words: str, role: Role = "plain") -> None:
        """The same for a text of our own, whose characters may take two cells: `say` keeps
        those of a guest out."""
        self.notices.say(words)
        self.message.say(((f" {words}", role),))

    def mention(self, words: str) -> None:
        """How a run goes on, on the message line if nobody has to read what is there."""
        if not self.notices.unread:
            self.message.say(line((f" {words}", "dim")))

    def hear(self, text: str, *, refused: bool = False) -> None:
        """A command was carried out, or refused."""
        self.said = [*self.said[-SAID_MAX + 1 :], (text, refused)]

    def take(self, session: Door) -> None:
        """Show another session, from now on and as if there had been none before."""
        before = self.session.looks
        session.looks.words, session.looks.explained = before.words, before.explained
        session.looks.notices = before.notices
        self.session, self.trail = session, Trail()
        self.prompt.serve(session)
        self.number.take()
        self.frames.begin_anew()

    def show(self, *, moved: bool = False, anew: bool = False) -> None:
        """A picture of the session as it is now; `moved`: a command has been carried out;
        `anew`: while the machine runs, of panels that wait for its end, too. While a command
        goes through the past, the picture of before stays."""
        if self.session.searching:
            return
        self.seen, lacking = self._picture()
        self.trail.note(self.seen)
        self.frames.show(self.seen, lacking, moved=moved, anew=anew)
        self.hint()
        self.after()

    def hint(self) -> None:
        """The lines above and below the panels: what there is to say, and which keys matter."""
        for bar in self.bars:
            try:
                bar.show(self.seen, self.width)
            except Exception as error:
                bar.say(line((f" {bugs.told(error)}", "bad")))

    def _picture(self) -> tuple[MachineView, dict[Section, str]]:
        """The picture, and why parts of it could not be made: the others are shown as ever.
        Where there is none at all, the one before."""
        looks, wanted = self.session.looks, self.frames.wanted
        looks.wanted, self._dark = wanted, ""
        with contextlib.suppress(Exception):
            return self.session.picture(), {}
        lacking = self._lacking(wanted)
        looks.wanted = wanted - lacking.keys()
        try:
            return self.session.picture(), lacking
        except Exception as error:
            self._dark = f"! no picture of this moment: {bugs.told(error)}"
            self.say("")
            return self.seen, {}

    def _lacking(self, wanted: frozenset[Section]) -> dict[Section, str]:
        """Which parts of a picture cannot be made, each tried alone."""
        found: dict[Section, str] = {}
        for need in sorted(wanted):
            self.session.looks.wanted = frozenset((need,))
            try:
                self.session.picture()
            except Exception as error:
                found[need] = bugs.told(error)
        return found

    @property
    def dialog_is_open(self) -> bool:
        """Whether somebody types or reads something above the panels."""
        screen = self.frames.screen
        types = screen.has_class(ASKING) and not self.submits
        return types or self.app.screen is not screen

    def names(self) -> tuple[str, ...]:
        """What the prompt completes and the palette finds."""
        return names(self.session.symbols())
