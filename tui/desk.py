"""The desk of the screen: what its parts share."""

from msgspec import Struct, field
from textual.app import App

from emu.picture.view import MachineView
from tui.bar import Bar
from tui.door import Door
from tui.frames import Frames
from tui.prompt import Prompt, names
from tui.text import Role, line
from tui.typed_number import TypedNumber


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
    number: TypedNumber = field(default_factory=TypedNumber)

    def say(self, words: str, role: Role = "plain") -> None:
        """One sentence on the message line."""
        self.message.say(line((f" {words}", role)))

    def show(self, *, moved: bool = False) -> None:
        """A picture of the session as it is now; `moved`: a command has been carried out.
        While one goes through the past, the picture of before stays."""
        if self.session.searching:
            return
        self.session.looks.wanted = self.frames.wanted
        self.seen = self.session.picture()
        for bar in self.bars:
            bar.show(self.seen, self.app.size.width)
        self.frames.show(self.seen, moved=moved)

    def names(self) -> tuple[str, ...]:
        """What the prompt completes and the palette finds."""
        return names(self.session.symbols())
