"""What is opened to type or to read: the prompt, the injection menu, the help."""

from collections.abc import Callable
from typing import Protocol

from textual import events
from textual.screen import Screen

from emu.errors import ApdbgError
from tui.copying import Copying
from tui.desk import ASKING, Desk
from tui.orders import Orders
from tui.theme import Looks, looks


class Typed(Protocol):
    """Something that is typed into."""

    def take(self, key: str, character: str | None) -> None:
        """What a key does, by Textual's name of it."""

    def paste(self, text: str) -> None:
        """A pasted text."""


class Dialogs:
    """Keys go to what is being typed, in the order of typing, before they are anything else."""

    def __init__(
        self,
        desk: Desk,
        orders: Orders,
        copying: Copying,
        tour: Callable[[str], object],
        help_rows: list[tuple[str, str]],
    ) -> None:
        """`tour`: takes what stands behind that word; `help_rows`: each key as people read it,
        and what it does."""
        self._desk = desk
        self._orders = orders
        self.screen_words: dict[str, Callable[[str], object]] = {
            "quit": lambda _: desk.app.exit(), "copy": copying.copy, "tour": tour,
            "write": copying.write, "panel": orders.show_panel, "write!": copying.replace,
        }  # fmt: skip
        """What the words of the screen do with what stands behind them."""
        self._help_rows = help_rows
        self._menu: Typed | None = None
        """The injection menu or the help that was opened last."""

    @property
    def _screen(self) -> Screen[object]:
        """The screen with the panels, also while a dialog is above it."""
        return self._desk.frames.screen

    @property
    def asking(self) -> bool:
        """Whether the prompt is open."""
        return self._screen.has_class(ASKING)

    def ask(self, text: str) -> None:
        """Open the prompt with the beginning of a command."""
        self._desk.number.take()
        self._screen.add_class(ASKING)
        self._desk.prompt.open(text)
        self._explain()

    def inject(self, kind: str = "") -> None:
        """Open the menu of everything that can be broken, or of one kind."""
        from tui.inject_screen import InjectScreen

        desk = self._desk
        desk.number.take()
        self._menu = screen = InjectScreen(
            desk.session.menu(), self._looks(), self._enter, kind
        )
        desk.app.push_screen(screen)

    def help(self) -> None:
        """Explain what is pointed at, the panel in focus, and every key."""
        from tui.help_screen import HelpScreen
        from tui.panel_help import panel_help

        desk = self._desk
        content = panel_help(desk.frames.current, desk.seen.focus, self._help_rows)
        self._menu = screen = HelpScreen(content, self._looks(), desk.session)
        desk.app.push_screen(screen)

    def explain(self, word: str) -> None:
        """Explain a word, or list all that is explained; raises ApdbgError."""
        from tui.help_screen import HelpScreen, content_of

        session = self._desk.session
        content = content_of(session, word)
        self._desk.say("")
        self._menu = screen = HelpScreen(content, self._looks(), session)
        self._desk.app.push_screen(screen)

    def explain_found(self, word: str) -> None:
        """Explain what the palette found; say why not, if it cannot be."""
        try:
            self.explain(word)
        except ApdbgError as error:
            self._desk.say(f"! {error}", "bad")

    def _looks(self) -> Looks:
        app = self._desk.app
        return looks(app.theme_variables, app.current_theme.ansi)

    def cancel(self) -> None:
        """Forget a number and the cursor; close the prompt."""
        desk = self._desk
        desk.number.take()
        if not self.asking:
            desk.frames.current.clear_cursor()
        desk.say("")
        self._screen.remove_class(ASKING)

    def interrupt(self) -> None:
        """Ctrl+C: pause; close the prompt; never more than that."""
        if self._desk.session.running:
            self._desk.session.pause()
        elif self.asking:
            self.cancel()
        else:
            self._desk.say("the machine stands still; q quits", "dim")

    # -- what is typed ----------------------------------------------------------------------

    def take(self, event: events.Event) -> bool:
        """Type a key or a pasted text where something is being typed; False if the event is
        somebody else's."""
        app = self._desk.app
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            return False
        if not app.screen_stack:
            return False
        top: object = app.screen
        menu = self._menu if top is self._menu else None
        if menu is None and not (self.asking and top is self._screen):
            return False
        if isinstance(event, events.Paste):
            (menu or self._desk.prompt).paste(event.text)
        elif event.key == "ctrl+q" or (menu is None and event.key == "ctrl+p"):
            return False
        elif menu is not None:
            menu.take(event.key, event.character)
        else:
            self._type(event)
        return True

    def _type(self, event: events.Key) -> None:
        match event.key:
            case "enter":
                self._submit()
            case "escape" if self._desk.prompt.forget_search():
                self._explain()
            case "escape":
                self.cancel()
            case "ctrl+c":
                self.interrupt()
            case _:
                self._desk.prompt.take(event.key, event.character)
                self._explain()

    def _explain(self) -> None:
        """Say what the command that is being typed does."""
        from tui.completing import explain  # the machine need not be loaded before

        prompt = self._desk.prompt
        told = prompt.offered or explain(prompt.edit.text, prompt.sources)
        if prompt.search is not None:
            told = "^R further back   Enter runs it   Right edits it   Esc leaves the search"
        self._desk.say(told, "dim", passing=True)

    def _submit(self) -> None:
        """A refused command stays in the prompt, to be put right; an empty one repeats."""
        prompt = self._desk.prompt
        if not prompt.found():
            self._desk.say("no earlier command has that: Esc leaves the search", "dim")
            return
        text = prompt.edit.text.strip()
        prompt.remember(text)
        if not text:
            self.cancel()
            self._orders.repeat()
            return
        self._desk.submits = True
        try:
            if self._done(text):
                self._screen.remove_class(ASKING)
        finally:
            self._desk.submits = False

    def _done(self, text: str) -> bool:
        """Carry out a word of the screen, or else a command; why not is said."""
        from emu.debug import language

        try:
            word, _, rest = language.ours(text, self._desk.session.looks.words).partition(" ")
            if word == "help":
                act: Callable[[str], object] | None = self.explain
            else:
                act = self.screen_words.get(word)
            if act is None:
                return self._orders.order(text)
            act(rest.strip())
        except ApdbgError as error:
            self._desk.say(f"! {error}", "bad")
            return False
        return True

    def _enter(self, text: str) -> str:
        """Carry out a line that a menu has made, as if it was typed at the prompt; why it was
        refused, or nothing."""
        self._desk.prompt.remember(text)
        return self._orders.attempt(text)
