"""A session without a screen, for screen readers, dumb terminals and logs: commands are typed
at a prompt, and every line is appended. The same language, words and panels as the screen's."""

import signal
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from emu import Session
from emu.debug import language
from emu.errors import ApdbgError, CommandError
from tui import bugs
from tui.exit_codes import EXIT_EXPECTED, EXIT_INTERRUPTED, EXIT_USAGE
from tui.kept import Kept, Memory, printable, stop_again
from tui.keymap import Preset
from tui.line_reader import Reader, reader_of
from tui.panel_text import panel_of, rows_of, write_rows
from tui.panels import BY_ID, BY_WORD
from tui.printing import say
from tui.signals import handled
from tui.stretches import carry_out
from tui.told import Way, cpu_in_focus, found, stopped

GREETING: Final = (
    "Commands: c runs, s steps, cpus lists the CPUs, panel NAME shows what a screen would, "
    "?WORD explains, help lists all, q quits."
)
Say = Callable[[str], object]


class Teller:
    """Carries lines out as they are typed, and says what comes of them."""

    def __init__(
        self, session: Session, tell: Say, heard: Callable[[], bool] = lambda: False
    ) -> None:
        """`tell` takes a line; `heard`: whether a pause is wanted, asked while CPUs run."""
        self.session, self._tell, self._heard = session, tell, heard
        self.over = False
        """Whether the session is to be left."""
        self._repeated = ""
        """The last command that moved the machine."""
        self._panel = BY_ID["cpus"]
        """What was shown last, for `write`."""
        self._findings = session.view().findings.rows
        self.screen_words: dict[str, Callable[[str], object]] = {
            "quit": self._quit, "panel": self._show, "copy": self._copy,
            "write": lambda words: self._write(words, replace=False),
            "write!": lambda words: self._write(words, replace=True),
        }  # fmt: skip
        """What the words of a front end do with what stands behind them."""

    def open(self) -> None:
        """The machine, and what can be typed."""
        view = self.session.picture()
        count = len(view.cpus)
        cpus = f"{count:,} CPU" + ("s" if count != 1 else "")
        self._tell(f"{view.image} on {view.platform}, {cpus}, seed {view.seed}.")
        self._tell(GREETING)
        self._tell(stopped(view))
        self._all(found((), view.findings.rows))

    def take(self, text: str) -> bool:
        """Carry a line out; False if it was refused, which is said. An empty one repeats."""
        text = text.strip() or self._repeated
        if not text:
            self._tell("there is no command to repeat yet: s steps, c runs")
            return True
        try:
            word, _, rest = language.ours(text, self.session.looks.words).partition(" ")
            act = self.screen_words.get(word)
            if act is None:
                self._command(text)
            else:
                act(rest.strip())
        except ApdbgError as error:
            self._tell(f"error: {error}")
            return False
        except Exception as error:  # a mistake of ours ends no session
            self.session.pause()
            self._tell(f"error: {bugs.told(error)}")
            return False
        return True

    def _command(self, text: str) -> None:
        session, desk = self.session, self.session.desk
        command = language.command_of(text, session.looks.words)
        if command is not None and command.moves:
            self._repeated = text
        stop, focus = desk.stop, desk.focus
        way = Way(session, "" if command is None else command.word)
        if not carry_out(session, text, lambda: self._all(way.lines()), self._heard):
            session.pause()
        self._all(way.lines())
        reply = session.view().reply
        self._all(reply)
        panel = None if command is None else BY_WORD.get(command.word)
        if panel is not None:
            self._panel = panel
        if desk.stop is not stop:
            self._stopped()
        elif desk.focus != focus:
            self._tell(f"{cpu_in_focus(session.picture())}.")
        elif panel is not None and not reply:
            self._all(rows_of(session, panel))

    def _stopped(self) -> None:
        view = self.session.picture()
        self._tell(stopped(view))
        self._all(found(self._findings, view.findings.rows))
        self._findings = view.findings.rows

    def _all(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._tell(line)

    # -- words of a front end ---------------------------------------------------------------

    def _quit(self, _: str) -> None:
        self.over = True

    def _show(self, words: str) -> None:
        """`panel [NAME]`; raises CommandError for one that there is not."""
        self._panel = panel_of(words) if words else self._panel
        self._all([f"{self._panel.title}:", *rows_of(self.session, self._panel)])

    def _write(self, words: str, *, replace: bool) -> None:
        rows = rows_of(self.session, self._panel)
        self._tell(write_rows(words, rows, self._panel, replace=replace))

    def _copy(self, _: str) -> None:
        raise CommandError("copy: there is no clipboard without a screen: `write FILE` writes")


class Resumed(Exception):
    """The process had been stopped (Ctrl+Z), and the terminal was somebody else's."""


class Ended(Exception):
    """A signal has asked for an end while nothing ran."""


class Signals:
    """Ctrl+C pauses; whatever else asks for an end has one, behind the present stretch."""

    def __init__(self) -> None:
        self.reading = False
        """Whether a line is waited for, so that a signal may cut in."""
        self.ended = False
        self._heard = False

    def take(self, number: int, _frame: Any) -> None:
        """A signal has come."""
        self.ended = self.ended or number != signal.SIGINT
        self._heard = True
        if self.reading:
            self.reading = False
            raise Ended if self.ended else KeyboardInterrupt

    def resumed(self, _number: int, _frame: Any) -> None:
        """The process goes on: readline is to take the terminal anew."""
        if self.reading:
            self.reading = False
            raise Resumed

    def heard(self) -> bool:
        """Whether one has come since the last time."""
        found, self._heard = self._heard or self.ended, False
        return found


def show(session: Session, preset: Preset, memory: Memory | None) -> int:
    """A session in lines until it is left; returns the exit code."""
    session.in_slices = True
    session.looks.words = preset.words
    signals = Signals()
    kept = Kept() if memory is None else memory.read()
    before = signal.signal(signal.SIGCONT, signals.resumed)
    with handled(signals.take):
        teller = Teller(session, say, signals.heard)
        teller.open()
        if again := stop_again(session, kept):
            say(f"{again}: breakpoints lists them")
        reader = reader_of(session, kept.history)
        code = _read(teller, reader, signals)
        if memory is not None:
            memory.write(replace(
                kept, history=printable([*kept.history, *reader.typed]),
                breakpoints=printable(session.stop_words()),
            ))  # fmt: skip
    signal.signal(signal.SIGCONT, before)
    return code


def _read(teller: Teller, reader: Reader, signals: Signals) -> int:
    """Line after line until there is no other, or somebody leaves; the exit code."""
    refused = False
    while not teller.over and not signals.ended:
        try:
            signals.reading = True
            line = reader.line()
            signals.reading = False
        except KeyboardInterrupt:
            say("\nthe machine stands still; q quits")
            continue
        except Resumed:
            continue
        except Ended:
            say("")
            break
        signals.heard()
        if line is None:
            break
        refused |= not teller.take(line)
    if signals.ended:
        return EXIT_INTERRUPTED
    return EXIT_USAGE if refused and not reader.by_hand else EXIT_EXPECTED
