"""Where keys are typed into a line: the prompt, and the injection menu."""

import time
from typing import TYPE_CHECKING, Any, cast

from textual import events

from tui.inject import InjectScreen
from tui.prompt import Prompt, explain
from tui.theme import looks

if TYPE_CHECKING:
    from tui.app import ApdbgApp


class Asking:
    """Mixed into the app: keys go to what is being typed before they are anything else."""

    @property
    def _it(self) -> "ApdbgApp":
        return cast("ApdbgApp", self)

    @property
    def prompt(self) -> Prompt:
        """The line of the prompt."""
        return self._it.screen_stack[0].query_one(Prompt)

    @property
    def asking(self) -> bool:
        """Whether the prompt is open."""
        return self._it.screen_stack[0].has_class("-asking")

    def action_ask(self, text: str) -> None:
        """Open the prompt with the beginning of a command."""
        self._it.forget_number()
        self._it.screen_stack[0].add_class("-asking")
        self.prompt.open(text)
        self._it.say(explain(text, self._it.session.menu()), "dim")

    def action_inject(self, kind: str = "") -> None:
        """Open the menu of everything that can be broken, or of one kind."""
        app = self._it
        app.forget_number()
        colours = looks(app.theme_variables, app.current_theme.ansi)
        app.push_screen(InjectScreen(app.session.menu(), colours, kind))

    def enter_line(self, text: str) -> str:
        """Carry out a line that a menu has made, as if it was typed at the prompt; why it was
        refused, or nothing."""
        self.prompt.remember(text)
        return self._it.attempt(text)

    async def on_event(self, event: events.Event) -> None:
        """Keys go to an open prompt or menu here, where they arrive in the order of typing."""
        if isinstance(event, events.InputEvent):
            self._it._touched = time.monotonic()
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        screen = self._it.screen if typed and self._it.screen_stack else None
        prompting = self.asking and screen is self._it.screen_stack[0] if screen else False
        if not isinstance(screen, InjectScreen) and not prompting:
            await self._pass(event)
        elif isinstance(event, events.Paste):
            (screen if isinstance(screen, InjectScreen) else self.prompt).paste(event.text)
        elif isinstance(event, events.Key) and isinstance(screen, InjectScreen):
            if event.key == "ctrl+q":
                await self._pass(event)
            else:
                screen.take(event.key, event.character)
        elif isinstance(event, events.Key):
            await self._type(event)

    async def _pass(self, event: events.Event) -> None:
        """As Textual would have it."""
        above: Any = super()
        await above.on_event(event)

    async def _type(self, event: events.Key) -> None:
        match event.key:
            case "enter":
                self._submit()
            case "escape":
                self._it.action_cancel()
            case "ctrl+c":
                self._it.action_interrupt()
            case "ctrl+q" | "ctrl+p":
                await self._pass(event)
            case _:
                self.prompt.take(event.key, event.character)
                self._it.say(explain(self.prompt.edit.text, self._it.session.menu()), "dim")

    def _submit(self) -> None:
        """A refused command stays in the prompt, to be put right."""
        text = self.prompt.edit.text.strip()
        self.prompt.remember(text)
        if not text:
            self._it.action_cancel()
            self._it.action_enter()
        elif self._it.order(text):
            self._it.screen_stack[0].remove_class("-asking")
