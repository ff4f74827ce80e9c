"""The screen: keys become commands, views become panels, and a long run never blocks either."""

import asyncio
import contextlib
import gc
import signal
import sys
import time
from functools import partial
from typing import ClassVar, Final, Literal, cast

from rich.console import Console, RenderableType
from textual import constants, events, on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.command import Provider
from textual.screen import Screen
from textual.widgets import Static

from emu.debug import language
from emu.errors import ApdbgError
from tui import keeping, keys, layout, runner
from tui.asking import Asking
from tui.bars import Bar, KeyBar, StatusBar
from tui.counting import Counting
from tui.door import Door
from tui.frame import Frame
from tui.help import HelpScreen
from tui.keeping import Kept, Memory
from tui.keymap import Changes
from tui.names import names
from tui.palette import Finder
from tui.panels import BY_WORD, status
from tui.pointing import Pointing
from tui.prompt import Prompt
from tui.stage import Stage
from tui.text import Role, line
from tui.theme import THEMES, few_colours, looks
from tui.time_travel import TimeTravel

EXIT_BUG: Final = 3
EXIT_INTERRUPTED: Final = 130
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HANG_UP_SECONDS: Final = 1.0
"""How often it is looked whether the terminal is still there."""
_NO_SIGNALS: Final = (NotImplementedError, RuntimeError, ValueError)
"""What the event loop raises where it cannot handle signals."""
_HINT: Final = "Press : to type a command, Tab or [ ] for other panels, q to quit"
_ALWAYS: Final = ("interrupt", "quit")
"""Actions that work while a dialog is open, too."""


def _has_terminal() -> bool:
    """Whether standard input is a terminal that is still there."""
    return sys.__stdin__ is not None and sys.__stdin__.isatty()


class ApdbgApp(TimeTravel, Pointing, Counting, Asking, App[int]):
    """One session on a screen."""

    TITLE = "apdbg"
    CSS_PATH = "apdbg.tcss"
    COMMANDS: ClassVar[set[type[Provider]]] = {Finder}  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings()
    AUTO_FOCUS = "#main"

    def __init__(
        self, session: Door, changes: Changes | None = None, memory: Memory | None = None
    ) -> None:
        system = cast(Literal["auto"], constants.COLOR_SYSTEM)  # Textual types it as str
        terminal = Console(color_system=system, force_terminal=True)
        self._few_colours = few_colours(terminal.color_system, terminal.no_color)
        super().__init__(ansi_color=True if self._few_colours else None)
        self.session = session
        self.seen = session.picture()
        self.table = keys.remapped(changes or {})
        """The keys that are in force."""
        self._memory = memory
        self._kept = Kept() if memory is None else memory.read()
        if changes:
            self.set_keymap({key.id: ",".join(key.keys) for key in self.table if key.keys})
        self._began = self._touched = 0.0
        self._repeated = ""

    def compose(self) -> ComposeResult:
        """A status line, the stage with the frames, a message line, keys or the prompt."""
        yield StatusBar("status")
        yield Stage()
        yield Bar("message")
        yield KeyBar("keys")
        yield Prompt(self.names, self.session.menu)
        yield Static(id="small")

    def names(self) -> tuple[str, ...]:
        """What the prompt completes and the palette finds."""
        return names(self.session.symbols())

    def on_mount(self) -> None:
        """Colours, signals and the first words."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = keeping.theme(self, self._kept, self._few_colours)
        self.theme_changed_signal.subscribe(self, lambda _: self._paint())
        self._paint()
        self.say(keeping.restore(self, self._kept) or _HINT, "dim")
        self._base.query_one(KeyBar).table = self.table
        with contextlib.suppress(*_NO_SIGNALS):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGINT, self.action_interrupt)
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
        if self._memory is not None:
            self._memory.write(keeping.collect(self, self._few_colours))
            self._memory = None
        super().exit(result, return_code, message)

    def on_unmount(self) -> None:
        """Signals go back to Python."""
        with contextlib.suppress(*_NO_SIGNALS):
            for name in _SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(name)

    # -- painting ---------------------------------------------------------------------------

    @property
    def _base(self) -> Screen[object]:
        """The screen with the panels, also while a dialog is above it."""
        return self.screen_stack[0]

    @property
    def stage(self) -> Stage:
        """Where the panels are."""
        return self._base.query_one(Stage)

    def _paint(self) -> None:
        """Give every line of the screen the theme's colours."""
        found = looks(self.theme_variables, self.current_theme.ansi)
        self.stage.paint(found)
        for bar in self._base.query(Bar):
            bar.looks = found
            bar.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Another size is another layout."""
        self.arrange(event.size.width, event.size.height)

    def arrange(self, width: int, height: int) -> None:
        """Give every panel its place in a terminal of this size."""
        fits = layout.fits(width, height)
        self._base.set_class(not fits, "-small")
        if not fits:
            self._base.query_one("#small", Static).update(layout.too_small(width, height))
        self.stage.settle(width, max(height - layout.BARS, 1), len(self.seen.cpus))
        self.show()

    def show(self, *, moved: bool = False) -> None:
        """A picture of the session as it is now; `moved`: a command has been carried out."""
        self.session.looks.wanted = self.stage.wanted
        self.seen = self.session.picture()
        self._base.query_one(StatusBar).show(self.seen, self.size.width)
        self._base.query_one(KeyBar).show(self.seen.running, self.size.width)
        self.stage.show(self.seen, moved=moved)

    def say(self, words: str, role: Role = "plain") -> None:
        """One sentence on the message line."""
        self._base.query_one("#message", Bar).say(line((f" {words}", role)))

    # -- commands ---------------------------------------------------------------------------

    def order(self, text: str) -> bool:
        """Carry a command out; False if the session refused, which it says in words."""
        trouble = self.attempt(text)
        if trouble:
            self.say(f"! {trouble}", "bad")
        return not trouble

    def attempt(self, text: str) -> str:
        """Carry a command out; why the session refused, or nothing."""
        self.forget_number()
        try:
            running = runner.start(self.session, text)
        except ApdbgError as error:
            return str(error)
        command = language.command_of(text)
        if command is not None and command.moves:
            self._repeated = text
        if running:
            self.say(f"{text} ...", "dim")
            self._began = time.monotonic()
            self.show(moved=True)
            self.run_worker(self._carry_on(), group="run", exclusive=True)
        else:
            self._finished(text)
        return ""

    async def _carry_on(self) -> None:
        try:
            await runner.carry_on(self.session, self._progress, lambda: self._touched)
        except ApdbgError as error:
            self.show(moved=True)
            self._trouble(error)
        else:
            self._finished()

    def _progress(self) -> None:
        """A picture of a run that goes on, and how fast it does."""
        before = self.seen.tick
        self.show()
        now = time.monotonic()
        speed = (self.seen.tick - before) / max(now - self._began, 1e-3) / 1e6
        self._began = now
        end = self.seen.timeline.end
        share = (
            f"  {100 * self.seen.tick // end} % of what is known"
            if self.seen.tick < end
            else ""
        )
        self.say(
            f"{self.seen.tick:,} instructions, {speed:,.1f} M/s{share}   space pauses", "dim"
        )

    def _trouble(self, error: ApdbgError) -> None:
        self.say(f"! {error}", "bad")

    def _finished(self, text: str = "") -> None:
        """The picture after a command, and what it had to say."""
        command = language.command_of(text)
        panel = None if command is None else BY_WORD.get(command.word)
        if panel is not None:
            self.show_panel(panel.id, focus=False)
        before = self.seen.tick
        self.show(moved=panel is None)
        reply = self.seen.reply
        self.stage.answer(self.seen, None if panel is None else panel.id)
        if self.seen.tick != before:
            self.stage.clear_cursors()
        if len(reply) == 1:
            self.say(reply[0])
        elif status.hides_reason(self.seen, self.size.width):
            self.say(status.reason(self.seen), "warn")
        else:
            self.say("")

    def select_cpu(self, cpu: int) -> None:
        """Put a CPU in focus; works while the machine runs, too."""
        self.forget_number()
        try:
            self.session.picture(cpu)
        except ApdbgError as error:
            self._trouble(error)
        else:
            self.show(moved=True)
            self.say("")

    @on(Frame.Chosen)
    def _chosen(self, message: Frame.Chosen) -> None:
        word, _, rest = message.order.partition(" ")
        if word == "cpu" and rest.isdigit():
            self.select_cpu(int(rest))
        else:
            self.order(message.order)

    @on(Frame.Turned)
    def _turned(self) -> None:
        self.show()

    @on(Frame.MomentChosen)
    def _moment_clicked(self, message: Frame.MomentChosen) -> None:
        self.go_to(message.tick)

    def show_panel(self, panel_id: str, *, focus: bool = True) -> None:
        """Turn to a panel; a zoomed one that is in the way fills the screen no longer."""
        if self.stage.unzoom_for(panel_id):
            self.arrange(*self.size)
        self.stage.turn_to(panel_id, focus=focus)

    # -- actions of the table of keys -------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a dialog is open, only leaving it, pausing and quitting are the app's."""
        return self.screen is self._base or action in _ALWAYS

    def action_move(self, word: str) -> None:
        """Carry out a command that may have a count."""
        self.order(f"{word} {self.forget_number()}".strip())

    def action_order(self, text: str) -> None:
        """Carry out a command."""
        self.order(text)

    def action_enter(self) -> None:
        """Select the CPU whose number was typed, or repeat the last command."""
        number = self.forget_number()
        if number:
            self.select_cpu(int(number))
        elif self.follow_cursor():
            return
        elif self._repeated:
            self.order(self._repeated)
        else:
            self.say("there is no command to repeat yet: s steps, c runs", "dim")

    def action_pause(self) -> None:
        """Stop a running machine where it is."""
        if self.session.running:
            self.session.pause()
        else:
            self.say("the machine stands still: s steps, c runs", "dim")

    def action_interrupt(self) -> None:
        """Ctrl+C: pause; close the prompt; never more than that."""
        if self.session.running:
            self.session.pause()
        elif self.asking:
            self.action_cancel()
        else:
            self.say("the machine stands still; q quits", "dim")

    def action_select(self, step: int) -> None:
        """Select the CPU before or after, round the end."""
        self.select_cpu((self.seen.focus + step) % len(self.seen.cpus))

    def action_tab(self, step: int) -> None:
        """Turn to another tab of the frame."""
        frame = self.stage.frame
        frame.turn_to(frame.at + step)

    def action_zoom(self) -> None:
        """Let the frame fill the screen, and back."""
        self.stage.zoom()
        self.arrange(*self.size)

    def action_help(self) -> None:
        """Explain the panel in focus."""
        colours = looks(self.theme_variables, self.current_theme.ansi)
        self.push_screen(HelpScreen(self.stage.frame.panel, colours, self.table))

    def action_cancel(self) -> None:
        """Forget a number and the cursor; close the prompt."""
        self.forget_number()
        if not self.asking:
            self.stage.frame.clear_cursor()
        self.say("")
        self._base.remove_class("-asking")


def open_screen(session: Door, changes: Changes, memory: Memory | None) -> int:
    """Show a session until it is left; returns the exit code."""
    gc.set_threshold(*runner.GC_THRESHOLD)
    app = ApdbgApp(session, changes, memory)
    app.run()
    return EXIT_BUG if app.return_code == 1 else app.return_code or 0
