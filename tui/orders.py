"""Commands on the screen: how one begins, goes on while keys are read, and what it said."""

import time
from typing import Final

from emu.errors import ApdbgError
from tui import bugs, runner
from tui.arranging import Arranging
from tui.desk import Desk
from tui.panels import BY_WORD, status
from tui.panels.base import Panel

NUMBER_SECONDS: Final = 0.6
"""A number that no command follows selects a CPU after this long."""


def _panel_of(text: str) -> Panel | None:
    """The panel that answers a command."""
    from emu.debug import language  # loaded by now, since it was carried out

    command = language.command_of(text)
    return None if command is None else BY_WORD.get(command.word)


def _moves(text: str) -> bool:
    """Whether a command is one that Enter repeats."""
    from emu.debug import language

    command = language.command_of(text)
    return command is not None and command.moves


class Orders:
    """Carries commands out, one at a time."""

    def __init__(self, desk: Desk, arranging: Arranging) -> None:
        self._desk = desk
        self._arranging = arranging
        self.touched = 0.0
        """When the last key came."""
        self._began = 0.0
        self._repeated = ""

    def order(self, text: str) -> bool:
        """Carry a command out; False if the session refused, which it says in words."""
        trouble = self.attempt(text)
        if trouble:
            self._desk.say(f"! {trouble}", "bad")
        return not trouble

    def attempt(self, text: str) -> str:
        """Carry a command out; why the session refused, or nothing."""
        desk = self._desk
        desk.number.take()
        try:
            running = runner.start(desk.session, text)
        except ApdbgError as error:
            return str(error)
        except Exception as error:
            return self._bug(error)
        if _moves(text):
            self._repeated = text
        if running:
            desk.say(f"{text} ...", "dim")
            self._began = time.monotonic()
            desk.show(moved=True)
            desk.app.run_worker(self._carry_on(), group="run", exclusive=True)
        else:
            self._finished(_panel_of(text))
        return ""

    def move(self, word: str) -> None:
        """Carry out a command that may have a count, the number that was typed."""
        self.order(f"{word} {self._desk.number.take()}".strip())

    def repeat(self) -> None:
        """Carry out the last command that moved the machine."""
        if self._repeated:
            self.order(self._repeated)
        else:
            self._desk.say("there is no command to repeat yet: s steps, c runs", "dim")

    async def _carry_on(self) -> None:
        desk = self._desk
        try:
            await runner.carry_on(desk.session, self._progress, lambda: self.touched)
        except ApdbgError as error:
            desk.show(moved=True)
            desk.say(f"! {error}", "bad")
        except Exception as error:
            desk.show(moved=True)
            desk.say(f"! {self._bug(error)}", "bad")
        else:
            self._finished(None)

    def _bug(self, error: Exception) -> str:
        """A command met a mistake of ours: it is written down for a report, and what a person
        has set up stays."""
        self._desk.session.pause()
        place = bugs.write_down(error)
        where = f"; {place} has the lines to report" if place else ""
        return f"this is a bug in apdbg: {type(error).__name__}{where}"

    def _progress(self) -> None:
        """A picture of a run that goes on, and how fast it does."""
        desk = self._desk
        if desk.session.searching:
            desk.say("looking through the past   space stops", "dim")
            return
        before = desk.seen.tick
        desk.show()
        now, seen = time.monotonic(), desk.seen
        speed = (seen.tick - before) / max(now - self._began, 1e-3) / 1e6
        self._began = now
        end = seen.timeline.end
        known = f"  {100 * seen.tick // end} % of what is known" if seen.tick < end else ""
        desk.say(f"{seen.tick:,} instructions, {speed:,.1f} M/s{known}   space pauses", "dim")

    def _finished(self, panel: Panel | None) -> None:
        """The picture after a command, and what it had to say; a panel may show that."""
        desk = self._desk
        if panel is not None:
            self._arranging.show_panel(panel.id, focus=False)
        before = desk.seen.tick
        desk.show(moved=panel is None)
        seen = desk.seen
        desk.frames.answer(seen, None if panel is None else panel.id)
        if seen.tick != before:
            desk.frames.clear_cursors()
        if len(seen.reply) == 1:
            desk.say(seen.reply[0])
        elif status.hides_reason(seen, desk.app.size.width):
            desk.say(status.reason(seen), "warn")
        else:
            desk.say("")

    def pause(self) -> None:
        """Stop a running machine where it is."""
        if self._desk.session.running:
            self._desk.session.pause()
        else:
            self._desk.say("the machine stands still: s steps, c runs", "dim")

    # -- the CPU in focus -------------------------------------------------------------------

    def select_cpu(self, cpu: int) -> None:
        """Put a CPU in focus; works while the machine runs, too."""
        desk = self._desk
        desk.number.take()
        try:
            desk.session.picture(cpu)
        except ApdbgError as error:
            desk.say(f"! {error}", "bad")
        else:
            desk.show(moved=True)
            desk.say("")

    def select_by(self, step: int) -> None:
        """Select the CPU before or after, round the end."""
        seen = self._desk.seen
        self.select_cpu((seen.focus + step) % len(seen.cpus))

    def digit(self, digit: int) -> None:
        """A number is a count for the command that follows, or else selects a CPU."""
        desk, number = self._desk, self._desk.number
        number.add(digit)
        words = "s or n: so many steps    Enter, or wait: select that cpu"
        desk.say(f"{number.digits}   {words}")
        if int(number.digits) < len(desk.seen.cpus):
            number.unless(desk.app.set_timer(NUMBER_SECONDS, self.select_typed))

    def select_typed(self) -> None:
        """Select the CPU whose number was typed."""
        self.select_cpu(int(self._desk.number.take()))

    def hold(self) -> None:
        """Hold the selected CPU still, or release it."""
        seen = self._desk.seen
        word = "release" if seen.focus in seen.held else "hold"
        told = "runs again with the others" if word == "release" else "is held: H releases it"
        if self.order(f"{word} {seen.focus}"):
            self._desk.say(f"cpu {seen.focus} {told}")

    def first(self) -> None:
        """Let the selected CPU be the next to run."""
        focus = self._desk.seen.focus
        if self.order(f"schedule first {focus}"):
            self._desk.say(f"cpu {focus} has the next slice: c runs")
