"""The screen: keys become commands, views become panels, and a long run never blocks either."""

import asyncio
import contextlib
import os
import shutil
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
from textual.driver import Driver
from textual.geometry import Size
from textual.widgets import Static

from emu.errors import ApdbgError
from tui import bugs, glyphs, keys, last_session, theme
from tui.arranging import Arranging
from tui.bar import Bar, StatusBar
from tui.copying import Copying
from tui.cursor import Cursor
from tui.desk import Desk
from tui.dialogs import Dialogs
from tui.door import Door
from tui.exit_codes import EXIT_BUG, EXIT_INTERRUPTED
from tui.explained import explained
from tui.finding_keys import FindingKeys
from tui.frame import Frame
from tui.frames import Frames
from tui.jump import Jump
from tui.kept import Kept, Memory
from tui.key_bar import KeyBar
from tui.keymap import Preset
from tui.lasting import lasting
from tui.orders import Orders
from tui.prompt import Prompt
from tui.situation import situation
from tui.timeline_keys import TimelineKeys
from tui.tour import Touring
from tui.tour_start import TourStart
from tui.tour_strip import TourStrip
from tui.way import Way

_SIGNALS: Final = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGWINCH, signal.SIGTSTP,
    signal.SIGCONT,
)  # fmt: skip
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
        self,
        session: Door,
        preset: Preset | None = None,
        memory: Memory | None = None,
        start: TourStart | None = None,
        *,
        blocks: bool = False,
    ) -> None:
        """`blocks`: whether the terminal draws more than letters."""
        system = cast(Literal["auto"], constants.COLOR_SYSTEM)  # Textual types it as str
        terminal = Console(color_system=system, force_terminal=True)
        self._few_colours = theme.few_colours(terminal.color_system, terminal.no_color)
        super().__init__(ansi_color=True if self._few_colours else None)
        if glyphs.are_plain(os.environ):
            self._filters.append(glyphs.Plain())
        preset = Preset() if preset is None else preset
        self.table = keys.remapped(preset.keys)
        """The keys that are in force."""
        session.looks.words = preset.words
        session.looks.explained = explained(self.table)
        if preset.keys:
            self.set_keymap({key.id: ",".join(key.keys) for key in self.table if key.keys})
        self._acts = {key.id: key.act for key in self.table}
        self._memory = memory
        self._start = TourStart() if start is None else start
        self._kept = Kept() if memory is None else memory.read()
        self._bars = StatusBar("status"), KeyBar("keys", self.table)
        shown = {key.id: keys.shown_first(key) for key in self.table if key.keys}
        self.desk = Desk(self, session, session.picture(), Frames(blocks=blocks), self._bars,
                         Bar("message"), Prompt(session), TourStrip(), keys=shown)  # fmt: skip
        session.looks.notices = self.desk.notices.kept
        self._bars[1].situation = partial(situation, self.desk)
        self.parts = self._parts()

    def _parts(self) -> keys.Parts:
        desk = self.desk
        arranging = Arranging(desk)
        way = Way(desk, arranging)
        orders = Orders(desk, arranging, way)
        copying = Copying(desk)
        tour = Touring(desk, arranging, way)
        dialogs = Dialogs(
            desk, orders, copying, tour.word, [(key.shown, key.help) for key in self.table]
        )
        cursor = Cursor(desk, orders, dialogs)
        return keys.Parts(
            desk, arranging, orders, dialogs, cursor, TimelineKeys(desk, orders), copying, way,
            FindingKeys(desk, orders, arranging), Jump(desk, arranging), tour,
        )  # fmt: skip

    def compose(self) -> ComposeResult:
        """A status line, the frames, the tour, a message line, keys or the prompt."""
        status, hints = self._bars
        yield status
        yield self.desk.frames
        yield self.desk.strip
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
        self.screen_change_signal.subscribe(self, lambda _: self.desk.hint())
        self.app_resume_signal.subscribe(self, lambda _: self._paint_again())
        self._paint()
        self.desk.say(last_session.restore(self.desk, self._kept) or _HINT, "dim")
        self.parts.tour.begin(self._start)
        with contextlib.suppress(*_NO_SIGNALS):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGINT, self.parts.dialogs.interrupt)
            for name in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(name, partial(self.exit, None, EXIT_INTERRUPTED))
        if not (self.is_headless or self.is_web):
            self._hear_of_sizes()
            self._hear_of_stops()
            self.set_interval(HANG_UP_SECONDS, self._leave_if_hung_up)

    def get_driver_class(self) -> type[Driver]:
        """Textual's, of which nobody waits for a terminal that is gone."""
        return lasting(super().get_driver_class())

    def _hear_of_sizes(self) -> None:
        """Take a new size between two events. Textual's own handler cuts in wherever Python
        is, also where it holds a lock that it then waits for: of many sizes in a row the last
        was lost, or the screen stood still for ever."""
        with contextlib.suppress(*_NO_SIGNALS):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGWINCH, self._take_size)

    def _hear_of_stops(self) -> None:
        """Stop and go on between two events, too: Textual's handlers cut in where the queue of
        pictures was locked, and waited for it for ever."""
        acts = (
            (signal.SIGTSTP, "_sigtstp_application"),
            (signal.SIGCONT, "_sigcont_application"),
        )
        with contextlib.suppress(*_NO_SIGNALS, AttributeError):
            for name, act in acts:
                asyncio.get_running_loop().add_signal_handler(name, getattr(self._driver, act))

    def _take_size(self) -> None:
        size = Size(*shutil.get_terminal_size())
        self.post_message(events.Resize(size, size))

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
            self.parts.tour.put_back()
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
        for bar in (*self._bars, self.desk.message, self.desk.prompt, self.desk.strip):
            bar.looks = found
            bar.refresh()

    def _paint_again(self) -> None:
        """The terminal was somebody else's for a while, and is empty: nothing is there that
        need not be drawn. Textual has its own handler of sizes again."""
        self._hear_of_sizes()
        for screen in self.screen_stack:
            screen.refresh(layout=True)
            for widget in screen.walk_children():
                widget.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Another size is another layout."""
        self.parts.arranging.fit(event.size.width, event.size.height)

    # -- keys and clicks --------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys go to an open prompt or menu here, where they arrive in the order of typing."""
        if isinstance(event, events.InputEvent):
            self.parts.orders.touched = time.monotonic()
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.desk.notices.read()
        if not self._typed(event):
            await super().on_event(event)
        if isinstance(event, events.InputEvent | events.DescendantFocus):
            self.desk.hint()
        if isinstance(event, events.InputEvent):
            self._look()

    def _typed(self, event: events.Event) -> bool:
        """Whether a prompt or a menu took it; a mistake of ours in that ends no session."""
        try:
            if isinstance(event, events.Key) and self.parts.jump.take(event.key):
                return True
            return self.parts.dialogs.take(event)
        except Exception as error:
            self.desk.say(f"! {bugs.told(error)}", "bad")
            return True

    def _look(self) -> None:
        """Let the tour see what was done; a mistake of ours in that ends no session."""
        try:
            self.parts.tour.look()
        except Exception as error:
            self.desk.say(f"! {bugs.told(error)}", "bad")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a dialog is open, only leaving it, pausing and quitting are the app's."""
        return self.screen is self.desk.frames.screen or parameters[:1] in [
            (name,) for name in _ALWAYS
        ]

    def action_key(self, name: str) -> None:
        """Do what a key of the table does; a mistake of ours in it ends no session."""
        try:
            if not self.parts.tour.takes(name):
                self._acts[name](self.parts)
        except ApdbgError as error:
            self.desk.say(f"! {error}", "bad")
        except Exception as error:
            self.desk.say(f"! {bugs.told(error)}", "bad")

    def action_digit(self, digit: int) -> None:
        """A digit of a number."""
        self.parts.orders.digit(digit)

    def on_status_bar_pressed(self) -> None:
        """A click on the status line goes to what is wrong."""
        self.parts.findings.show()

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A click on a hint is that key."""
        message.key.act(self.parts)

    def on_frame_chosen(self, message: Frame.Chosen) -> None:
        """What was pointed at is a command."""
        self.parts.orders.go(message.order)

    def on_frame_nowhere(self, message: Frame.Nowhere) -> None:
        """What was pointed at leads nowhere, which is said."""
        self.desk.say(message.why, "dim")

    def on_frame_wheeled(self, message: Frame.Wheeled) -> None:
        """A panel is scrolled by a command; the keys stay where they are."""
        self.parts.orders.order(message.order, focus=False)

    def on_frame_turned(self) -> None:
        """Another panel is shown: it may need more than the picture has."""
        self.desk.show()

    def on_frame_moment_chosen(self, message: Frame.MomentChosen) -> None:
        """A click on the timeline goes there."""
        self.parts.timeline.go_to(message.tick, message.cpu)


def open_screen(
    session: Door, preset: Preset, memory: Memory | None, start: TourStart | None = None
) -> int:
    """Show a session until it is left; returns the exit code."""
    app = ApdbgApp(session, preset, memory, start, blocks=glyphs.draws_blocks(os.environ))
    app.run()
    app.keep()  # if a mistake of ours has ended it
    return EXIT_BUG if app.return_code == 1 else app.return_code or 0
