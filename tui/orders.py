"""Commands on the screen: how one begins, goes on while keys are read, and what it said."""

import time
from typing import Final

from emu.errors import ApdbgError, EndedError
from emu.given.number import is_digits
from emu.picture.stop import Travelled
from tui import bugs, runner
from tui.arranging import Arranging
from tui.desk import Desk
from tui.panel_text import panel_of
from tui.panels import BY_WORD, status
from tui.panels.base import Panel
from tui.way import Stand, Way

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
    """Carries commands out, one at a time; what only looks, while another goes on, too."""

    def __init__(self, desk: Desk, arranging: Arranging, way: Way) -> None:
        self._desk = desk
        self._arranging = arranging
        self._way = way
        self.touched = 0.0
        """When the last key came."""
        self._began = 0.0
        self._repeated = ""
        self._looked: tuple[str, ...] | None = None
        """What a look was answered while another command went on."""

    def order(self, text: str, *, focus: bool = True) -> bool:
        """Carry a command out; False if the session refused, which it says in words. `focus`:
        the panel that answers it gets the keys."""
        trouble = self.attempt(text, focus=focus)
        if trouble:
            self._desk.say(f"! {trouble}", "bad")
        return not trouble

    def attempt(self, text: str, *, focus: bool = True) -> str:
        """Carry a command out; why the session refused, or nothing."""
        desk, before = self._desk, self._way.here()
        desk.number.take()
        if desk.session.running:
            return self._look(text, before)
        try:
            running = runner.start(desk.session, text)
        except EndedError:
            return self.over()
        except ApdbgError as error:
            desk.hear(text, refused=True)
            return str(error)
        except Exception as error:
            return self._bug(error)
        desk.hear(text)
        if _moves(text):
            self._repeated = text
        self._looked = None
        if running:
            self._began = time.monotonic()
            desk.say("")
            desk.mention(f"{text} ...")
            desk.show(moved=True)
            answers = self._carry_on(before.cpu, _panel_of(text), focus=focus)
            desk.app.run_worker(answers, group="run", exclusive=True)
        else:
            self._finished(_panel_of(text), focus=focus)
            if focus:
                self._way.came_from(before)
        return ""

    def go(self, text: str) -> None:
        """Go to what was pointed at, by key or click: a CPU, which works while the machine
        runs, too, or whatever the command says."""
        word, _, rest = text.partition(" ")
        if word == "cpu" and is_digits(rest):
            self.select_cpu(int(rest))
        else:
            self.order(text)

    def move(self, word: str) -> None:
        """Carry out a command that may have a count, the number that was typed."""
        self.order(f"{word} {self._desk.number.take()}".strip())

    def repeat(self) -> None:
        """Carry out the last command that moved the machine."""
        if self._repeated:
            self.order(self._repeated)
        else:
            self._desk.say("there is no command to repeat yet: s steps, c runs", "dim")

    def over(self) -> str:
        """What can be done where the boot has ended."""
        keys = self._desk.keys
        words = {"reverse.step": "back", "reverse.run": "back to a breakpoint",
                 "goto": "go to", "reset": "again"}  # fmt: skip
        if self._desk.trail.rows:
            words = {"finding.next": "next finding", **words}
        ways = (f"{keys[name]} {word}" for name, word in words.items() if keys.get(name))
        return f"the boot is over: {', '.join(ways)}"

    def _nothing_before(self) -> str:
        """Why a way back ended at the beginning, and what could be done instead."""
        keys = self._desk.keys
        sets, goes = keys.get("break", ":break"), keys.get("goto", ":goto")
        words = "no breakpoint was passed: this is the beginning"
        return f"{words}. {sets} sets one, {goes} end returns"

    # -- while the machine runs -------------------------------------------------------------

    def _look(self, text: str, before: Stand) -> str:
        """Carry out what only looks, between two slices of a run; why not, or nothing."""
        desk = self._desk
        try:
            desk.session.begin(text)
        except ApdbgError as error:
            return str(error)
        except Exception as error:
            return bugs.told(error)
        desk.hear(text)
        self._answered(_panel_of(text))
        self._looked = desk.seen.reply
        self._way.came_from(before)
        return ""

    async def _carry_on(self, cpu: int, panel: Panel | None, *, focus: bool) -> None:
        """Slices until the command has stopped; `cpu`: the one in focus when it began;
        `panel`: which answers it, and is to have the keys if `focus`."""
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
            desk.notices.turn()
            self._finished(panel, focus=focus)
        self._way.was_at(cpu)

    def _bug(self, error: Exception) -> str:
        """A command met a mistake of ours: it is written down for a report, and what a person
        has set up stays."""
        self._desk.session.pause()
        return bugs.told(error)

    def _progress(self) -> None:
        """A picture of a run that goes on, and how fast it does."""
        desk = self._desk
        if desk.session.searching:
            desk.say("looking through the past   space stops", "dim", passing=True)
            return
        before = desk.seen.tick
        desk.show()
        now, seen = time.monotonic(), desk.seen
        speed = (seen.tick - before) / max(now - self._began, 1e-3) / 1e6
        self._began = now
        end = seen.timeline.end
        known = f"  {100 * seen.tick // end} % of what is known" if seen.tick < end else ""
        desk.mention(f"{seen.tick:,} instructions, {speed:,.1f} M/s{known}   space pauses")

    def pause(self) -> None:
        """Stop a running machine where it is."""
        if self._desk.session.running:
            self._desk.session.pause()
        else:
            self._desk.say("the machine stands still: s steps, c runs", "dim")

    # -- what a command had to say ----------------------------------------------------------

    def _answered(self, panel: Panel | None, *, focus: bool = True) -> None:
        """The picture after a command, and its answer where that is shown."""
        desk = self._desk
        if panel is not None:
            self._arranging.show_panel(panel.id, focus=focus)
        desk.show(moved=panel is None, anew=True)
        desk.frames.answer(desk.seen, None if panel is None else panel.id)
        reply = desk.seen.reply
        if len(reply) == 1:
            desk.say(reply[0])
        else:
            desk.clear()

    def _finished(self, panel: Panel | None, *, focus: bool = True) -> None:
        """A command is over. What a look was answered meanwhile stays until the next one."""
        desk, before = self._desk, self._desk.seen.tick
        if self._looked is None:
            self._answered(panel, focus=focus)
        else:
            desk.show(moved=True)
        if desk.seen.tick != before:
            desk.frames.clear_cursors()
        self._say_what_came(panel, moved=desk.seen.tick != before)
        self._show_failure(panel)
        desk.hint()

    def _say_what_came(self, panel: Panel | None, *, moved: bool) -> None:
        """Why the machine stands where the status has no room for it, or what can be done."""
        desk, seen = self._desk, self._desk.seen
        if len(seen.reply) == 1 and seen.reply is not self._looked:
            return
        if any(isinstance(one, Travelled) and one.to == "beginning" for one in seen.stop):
            desk.say(self._nothing_before(), "warn")
        elif status.hides_reason(seen, desk.width):
            desk.say(status.reason(seen), "plain" if seen.outcome == "booted" else "warn")
        elif seen.outcome is not None and (panel is None or moved):
            desk.say(self.over(), "dim")
        else:
            desk.clear()

    def _show_failure(self, panel: Panel | None) -> None:
        """A boot that has failed opens its first finding, once, and unless somebody is busy
        with something else."""
        desk, before = self._desk, self._way.here()
        busy = panel is not None or desk.dialog_is_open
        if busy or not desk.trail.opens(desk.seen):
            return
        self._arranging.show_panel("findings")
        desk.show()
        desk.frames.current.point_at_first()
        self._way.came_from(before)

    def show_panel(self, words: str) -> None:
        """`panel [NAME]`: go to it; raises CommandError for one that there is not."""
        before = self._way.here()
        if words:
            self._arranging.show_panel(panel_of(words).id)
            self._way.came_from(before)
        self._desk.say("")

    # -- the CPU in focus -------------------------------------------------------------------

    def select_cpu(self, cpu: int) -> None:
        """Go to a CPU; works while the machine runs, too."""
        before = self._way.here()
        self._select(cpu)
        self._way.came_from(before)

    def _select(self, cpu: int) -> None:
        desk = self._desk
        desk.number.take()
        try:
            desk.session.picture(cpu)
        except ApdbgError as error:
            desk.say(f"! {error}", "bad")
        except Exception as error:
            desk.say(f"! {bugs.told(error)}", "bad")
        else:
            desk.hear(f"cpu {cpu}")
            desk.show(moved=True)
            desk.say("")

    def select_by(self, step: int) -> None:
        """Select the CPU before or after, round the end."""
        seen = self._desk.seen
        self._select((seen.focus + step) % len(seen.cpus))

    def digit(self, digit: int) -> None:
        """A number is a count for the command that follows, or else selects a CPU."""
        desk, number = self._desk, self._desk.number
        number.add(digit)
        words = "s or n: so many steps    Enter, or wait: select that cpu"
        desk.say(f"{number.digits}   {words}", passing=True)
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
