"""The screen: keys become commands, views become panels, and a long run never blocks either."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final, Literal, cast

from rich.console import Console, RenderableType
from textual import constants, events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.command import Provider
from textual.widgets import Static

from emu.given.number import is_digits
from tui import keys, last_session, theme
from tui.arranging import Arranging
from tui.bar import Bar, StatusBar
from tui.cursor import Cursor
from tui.desk import Desk
from tui.dialogs import Dialogs
from tui.door import Door
from tui.exit_codes import EXIT_BUG, EXIT_INTERRUPTED
from tui.frame import Frame
from tui.frames import Frames
from tui.key_bar import KeyBar
from tui.keymap import Changes
from tui.last_session import Kept, Memory
from tui.orders import Orders
from tui.prompt import Prompt
from tui.timeline_keys import TimelineKeys

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HANG_UP_SECONDS: Final = 1.0
"""How often it is looked whether the terminal is still there."""
_NO_SIGNALS: Final = (NotImplementedError, RuntimeError, ValueError)
"""What the event loop raises where it cannot handle signals."""
_HINT: Final = "Press : to type a command, Tab or [ ] for other panels, q to quit"
_ALWAYS: Final = ("interrupt", "quit.now")
"""Keys that are the app's while a dialog is open, too."""


def _has_terminal() -> bool:
    """Whether standard input is a terminal that is still there."""
    return sys.__stdin__ is not None and sys.__stdin__.isatty()


def _finder() -> type[Provider]:
    """What the palette looks through; loaded when somebody opens it."""
    from tui.palette import Finder

    return Finder


class ApdbgApp(App[int]):
    """One session on a screen: the desk, the parts that keys act on, and Textual's events."""

    TITLE = "apdbg"
    CSS_PATH = "apdbg.tcss"
    COMMANDS: ClassVar[set[Callable[[], type[Provider]]]] = {_finder}  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings()
    AUTO_FOCUS = "#main"

    def __init__(
        self, session: Door, changes: Changes | None = None, memory: Memory | None = None
    ) -> None:
        system = cast(Literal["auto"], constants.COLOR_SYSTEM)  # Textual types it as str
        terminal = Console(color_system=system, force_terminal=True)
        self._few_colours = theme.few_colours(terminal.color_system, terminal.no_color)
        super().__init__(ansi_color=True if self._few_colours else None)
        self.table = keys.remapped(changes or {})
        """The keys that are in force."""
        if changes:
            self.set_keymap({key.id: ",".join(key.keys) for key in self.table if key.keys})
        self._acts = {key.id: key.act for key in self.table}
        self._memory = memory
        self._kept = Kept() if memory is None else memory.read()
        self._bars = StatusBar("status"), KeyBar("keys", self.table)
        self.desk = Desk(self, session, session.picture(), Frames(), self._bars, Bar("message"),
                         Prompt(self._names, session.menu))  # fmt: skip
        self.parts = self._parts()

    def _parts(self) -> keys.Parts:
        desk = self.desk
        arranging = Arranging(desk)
        orders = Orders(desk, arranging)
        dialogs = Dialogs(desk, orders, [(key.shown, key.help) for key in self.table])
        cursor = Cursor(desk, orders, dialogs)
        return keys.Parts(desk, arranging, orders, dialogs, cursor, TimelineKeys(desk, orders))

    def _names(self) -> tuple[str, ...]:
        return self.desk.names()

    def compose(self) -> ComposeResult:
        """A status line, the frames, a message line, keys or the prompt."""
        status, hints = self._bars
        yield status
        yield self.desk.frames
        yield self.desk.message
        yield hints
        yield self.desk.prompt
        yield Static(id="small")

    # -- beginning and end ------------------------------------------------------------------

    def on_mount(self) -> None:
        """Colours, signals and the first words."""
        for one in theme.THEMES:
            self.register_theme(one)
        self.theme = theme.chosen(self._kept.theme, self.available_themes, self._few_colours)
        self.theme_changed_signal.subscribe(self, lambda _: self._paint())
        self._paint()
        self.desk.say(last_session.restore(self.desk, self._kept) or _HINT, "dim")
        with contextlib.suppress(*_NO_SIGNALS):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGINT, self.parts.dialogs.interrupt)
            for name in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(name, partial(self.exit, None, EXIT_INTERRUPTED))
        if _has_terminal():
            self.set_interval(HANG_UP_SECONDS, self._leave_if_hung_up)

    def _leave_if_hung_up(self) -> None:
        """A terminal that vanishes without SIGHUP reads as empty for ever, and Textual would
        look at it without a pause."""
        if not _has_terminal():
            self.exit(None, EXIT_INTERRUPTED)

    def exit(
        self,
        result: int | None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """Leave; what is kept is written while the panels are still there."""
        self.keep()
        super().exit(result, return_code, message)

    def keep(self) -> None:
        """Write what the next session begins with, once."""
        if self._memory is not None:
            colours = "" if self._few_colours else self.theme
            self._memory.write(last_session.collect(self.desk, colours))
            self._memory = None

    def on_unmount(self) -> None:
        """Signals go back to Python."""
        with contextlib.suppress(*_NO_SIGNALS):
            for name in _SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(name)

    # -- painting ---------------------------------------------------------------------------

    def get_css_variables(self) -> dict[str, str]:
        """The theme's, as far as they can be read."""
        return theme.with_foreground(super().get_css_variables(), self.current_theme.ansi)

    def _paint(self) -> None:
        """Give every line of the screen the theme's colours."""
        found = theme.looks(self.theme_variables, self.current_theme.ansi)
        self.desk.frames.paint(found)
        for bar in (*self._bars, self.desk.message, self.desk.prompt):
            bar.looks = found
            bar.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Another size is another layout."""
        self.parts.arranging.fit(event.size.width, event.size.height)

    # -- keys and clicks --------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys go to an open prompt or menu here, where they arrive in the order of typing."""
        if isinstance(event, events.InputEvent):
            self.parts.orders.touched = time.monotonic()
        if not self.parts.dialogs.take(event):
            await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a dialog is open, only leaving it, pausing and quitting are the app's."""
        return self.screen is self.desk.frames.screen or parameters[:1] in [
            (name,) for name in _ALWAYS
        ]

    def action_key(self, name: str) -> None:
        """Do what a key of the table does."""
        self._acts[name](self.parts)

    def action_digit(self, digit: int) -> None:
        """A digit of a number."""
        self.parts.orders.digit(digit)

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A click on a hint is that key."""
        message.key.act(self.parts)

    def on_frame_chosen(self, message: Frame.Chosen) -> None:
        """What was pointed at is a command."""
        word, _, rest = message.order.partition(" ")
        if word == "cpu" and is_digits(rest):
            self.parts.orders.select_cpu(int(rest))
        else:
            self.parts.orders.order(message.order)

    def on_frame_turned(self) -> None:
        """Another panel is shown: it may need more than the picture has."""
        self.desk.show()

    def on_frame_moment_chosen(self, message: Frame.MomentChosen) -> None:
        """A click on the timeline goes there."""
        self.parts.timeline.go_to(message.tick)


def open_screen(session: Door, changes: Changes, memory: Memory | None) -> int:
    """Show a session until it is left; returns the exit code."""
    app = ApdbgApp(session, changes, memory)
    app.run()
    app.keep()  # if a mistake of ours has ended it
    return EXIT_BUG if app.return_code == 1 else app.return_code or 0
