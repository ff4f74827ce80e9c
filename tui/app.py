"""The screen: keys become commands, views become panels, and a long run never blocks either."""

import asyncio
import contextlib
import signal
from functools import partial
from typing import ClassVar, Final, Literal, cast

from rich.console import Console
from textual import constants, events, on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.command import Provider
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from emu.errors import ApdbgError
from tui import keys, layout, runner
from tui.bars import Bar, KeyBar, StatusBar
from tui.door import Door
from tui.frame import Frame
from tui.help import HelpScreen
from tui.names import names
from tui.palette import Finder
from tui.panels import status
from tui.prompt import Prompt, explain
from tui.stage import Stage
from tui.text import Role, line
from tui.theme import CALM, FEW_COLOURS, few_colours, looks
from tui.time_travel import TimeTravel

NUMBER_SECONDS: Final = 0.6
"""A number that no command follows selects a CPU after this long."""
NUMBER_DIGITS_MAX: Final = 9
EXIT_BUG: Final = 3
EXIT_INTERRUPTED: Final = 130
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NO_SIGNALS: Final = (NotImplementedError, RuntimeError, ValueError)
"""What the event loop raises where it cannot handle signals."""
_HINT: Final = "Press : to type a command, Tab or [ ] for other panels, q to quit"
_MOVES: Final = (
    "step", "next", "finish", "run", "until", "reverse-step", "reverse-next", "reverse-run",
    "reverse-finish",
)  # fmt: skip
"""The commands that Enter repeats."""
_ALWAYS: Final = ("interrupt", "quit")
"""Actions that work while a dialog is open, too."""


class ApdbgApp(TimeTravel, App[int]):
    """One session on a screen."""

    TITLE = "apdbg"
    CSS_PATH = "apdbg.tcss"
    COMMANDS: ClassVar[set[type[Provider]]] = {Finder}  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings()
    AUTO_FOCUS = "#main"

    def __init__(self, session: Door) -> None:
        system = cast(Literal["auto"], constants.COLOR_SYSTEM)  # Textual types it as str
        terminal = Console(color_system=system, force_terminal=True)
        self._few_colours = few_colours(terminal.color_system, terminal.no_color)
        super().__init__(ansi_color=True if self._few_colours else None)
        self.session = session
        self.seen = session.view()
        self._repeated = ""
        self._number = ""
        self._number_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """A status line, the stage with the frames, a message line, keys or the prompt."""
        yield StatusBar("status")
        yield Stage()
        yield Bar("message")
        yield KeyBar("keys")
        yield Prompt(self.names)
        yield Static(id="small")

    def names(self) -> tuple[str, ...]:
        """What the prompt completes and the palette finds."""
        return names(self.session.symbols())

    def on_mount(self) -> None:
        """Colours, signals and the first words."""
        self.register_theme(CALM)
        self.theme = FEW_COLOURS if self._few_colours else CALM.name
        self.theme_changed_signal.subscribe(self, lambda _: self._paint())
        self._paint()
        self.say(_HINT, "dim")
        with contextlib.suppress(*_NO_SIGNALS):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGINT, self.action_interrupt)
            for name in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(name, partial(self.exit, None, EXIT_INTERRUPTED))

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
        self._arrange(event.size.width, event.size.height)

    def _arrange(self, width: int, height: int) -> None:
        fits = layout.fits(width, height)
        self._base.set_class(not fits, "-small")
        if not fits:
            self._base.query_one("#small", Static).update(layout.too_small(width, height))
        self.stage.settle(width, max(height - layout.BARS, 1), len(self.seen.cpus))
        self.show()

    def show(self, *, moved: bool = False) -> None:
        """A picture of the session as it is now; `moved`: a command has been carried out."""
        self.seen = self.session.view()
        self._base.query_one(StatusBar).show(self.seen, self.size.width)
        self._base.query_one(KeyBar).show(self.seen.running, self.size.width)
        self.stage.show(self.seen, moved=moved)

    def say(self, words: str, role: Role = "plain") -> None:
        """One sentence on the message line."""
        self._base.query_one("#message", Bar).say(line((f" {words}", role)))

    # -- commands ---------------------------------------------------------------------------

    def order(self, text: str) -> bool:
        """Carry a command out; False if the session refused, which it says in words."""
        self._forget_number()
        try:
            running = runner.start(self.session, text)
        except ApdbgError as error:
            self._trouble(error)
            return False
        if text.split()[0] in _MOVES:
            self._repeated = text
        if running:
            self.say(f"{text} ...", "dim")
            self.show(moved=True)
            self.run_worker(self._carry_on(), group="run", exclusive=True)
        else:
            self._finished()
        return True

    async def _carry_on(self) -> None:
        try:
            await runner.carry_on(self.session, self.show)
        except ApdbgError as error:
            self.show(moved=True)
            self._trouble(error)
        else:
            self._finished()

    def _trouble(self, error: ApdbgError) -> None:
        self.say(f"! {error}", "bad")

    def _finished(self) -> None:
        """The picture after a command, and what it had to say."""
        self.show(moved=True)
        reply = self.seen.reply
        self.stage.answer(self.seen)
        if len(reply) == 1:
            self.say(reply[0])
        elif status.hides_reason(self.seen, self.size.width):
            self.say(status.reason(self.seen), "warn")
        else:
            self.say("")

    def select_cpu(self, cpu: int) -> None:
        """Put a CPU in focus; works while the machine runs, too."""
        self._forget_number()
        try:
            self.session.view(cpu)
        except ApdbgError as error:
            self._trouble(error)
        else:
            self.show(moved=True)
            self.say("")

    @on(Frame.CpuChosen)
    def _cpu_clicked(self, message: Frame.CpuChosen) -> None:
        self.select_cpu(message.cpu)

    @on(Frame.MomentChosen)
    def _moment_clicked(self, message: Frame.MomentChosen) -> None:
        self.go_to(message.tick)

    def show_panel(self, panel_id: str) -> None:
        """Turn to a panel; a zoomed one that is in the way fills the screen no longer."""
        if self.stage.unzoom_for(panel_id):
            self._arrange(*self.size)
        self.stage.turn_to(panel_id)

    # -- numbers ----------------------------------------------------------------------------

    def action_digit(self, digit: int) -> None:
        """A number is a count for the command that follows, or else selects a CPU."""
        if len(self._number) < NUMBER_DIGITS_MAX:
            self._number += str(digit)
        if self._number_timer is not None:
            self._number_timer.stop()
        self.say(f"{self._number}   s or n: so many steps    Enter, or wait: select that cpu")
        if int(self._number) < len(self.seen.cpus):
            self._number_timer = self.set_timer(NUMBER_SECONDS, self.action_enter)

    def _forget_number(self) -> str:
        number, self._number = self._number, ""
        if self._number_timer is not None:
            self._number_timer.stop()
            self._number_timer = None
        return number

    # -- actions of the table of keys -------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a dialog is open, only leaving it, pausing and quitting are the app's."""
        return self.screen is self._base or action in _ALWAYS

    def action_move(self, word: str) -> None:
        """Carry out a command that may have a count."""
        self.order(f"{word} {self._forget_number()}".strip())

    def action_order(self, text: str) -> None:
        """Carry out a command."""
        self.order(text)

    def action_enter(self) -> None:
        """Select the CPU whose number was typed, or repeat the last command."""
        number = self._forget_number()
        if number:
            self.select_cpu(int(number))
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

    def action_scroll(self, rows: int) -> None:
        """Scroll the frame, or select a CPU where its panel lists them."""
        frame = self.stage.frame
        if frame.panel.selects_cpu:
            last = len(self.seen.cpus) - 1
            self.select_cpu(min(max(self.seen.focus + rows, 0), last))
        else:
            frame.scroll_rows(rows)

    def action_page(self, pages: int) -> None:
        """Scroll by what is visible, less one row."""
        frame = self.stage.frame
        frame.scroll_rows(pages * max(frame.page.rows - 1, 1))

    def action_home(self) -> None:
        """Scroll to the first row."""
        self.stage.frame.scroll_rows(-self.stage.frame.page.total)

    def action_end(self) -> None:
        """Back to what matters now."""
        self.stage.frame.follow()

    def action_zoom(self) -> None:
        """Let the frame fill the screen, and back."""
        self.stage.zoom()
        self._arrange(*self.size)

    def action_help(self) -> None:
        """Explain the panel in focus."""
        colours = looks(self.theme_variables, self.current_theme.ansi)
        self.push_screen(HelpScreen(self.stage.frame.panel, colours))

    def action_cancel(self) -> None:
        """Forget a number; close the prompt."""
        self._forget_number()
        self.say("")
        self._base.remove_class("-asking")

    # -- the prompt -------------------------------------------------------------------------

    @property
    def asking(self) -> bool:
        """Whether the prompt is open."""
        return self._base.has_class("-asking")

    def action_ask(self, text: str) -> None:
        """Open the prompt with the beginning of a command."""
        self._forget_number()
        self._base.add_class("-asking")
        self._base.query_one(Prompt).open(text)
        self.say(explain(text), "dim")

    async def on_event(self, event: events.Event) -> None:
        """Keys go to an open prompt here, where they arrive in the order of typing."""
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if not typed or not self.asking or self.screen is not self._base:
            await super().on_event(event)
        elif isinstance(event, events.Paste):
            self._base.query_one(Prompt).paste(event.text)
        elif isinstance(event, events.Key):
            await self._type(event)

    async def _type(self, event: events.Key) -> None:
        prompt = self._base.query_one(Prompt)
        match event.key:
            case "enter":
                self._submit(prompt)
            case "escape":
                self.action_cancel()
            case "ctrl+c":
                self.action_interrupt()
            case "ctrl+q" | "ctrl+p":
                await super().on_event(event)
            case _:
                prompt.take(event.key, event.character)
                self.say(explain(prompt.edit.text), "dim")

    def _submit(self, prompt: Prompt) -> None:
        """A refused command stays in the prompt, to be put right."""
        text = prompt.edit.text.strip()
        prompt.remember(text)
        if not text:
            self.action_cancel()
            self.action_enter()
        elif self.order(text):
            self._base.remove_class("-asking")


def open_screen(session: Door) -> int:
    """Show a session until it is left; returns the exit code."""
    app = ApdbgApp(session)
    app.run()
    return EXIT_BUG if app.return_code == 1 else app.return_code or 0
