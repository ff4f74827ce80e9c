"""The only door to a machine: commands go in, frozen views come out.

`do` carries a command out wholly. A screen uses `begin` and `pump` instead: the same command
in short stretches, between which keys are read. The host's clock decides only how long a
stretch is; the guest cannot tell.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import IO, Final

from emu.debug import known, language, running
from emu.debug.aside import Aside, StoppedAside
from emu.debug.command import Begun, Order
from emu.debug.desk import Desk, cpu_of, focused, power_on
from emu.debug.explain import Meanings, every_word, meanings
from emu.debug.recording import Recorder
from emu.debug.resume import Resume, resume
from emu.debug.setup import Setup
from emu.errors import ApdbgError, CommandError, RecordingError
from emu.inject.menu import menu
from emu.inject.menu_view import InjectionMenu
from emu.judge.verdict import Verdict
from emu.machine import handover
from emu.machine.machine import Machine
from emu.mailbox.rule import Finding
from emu.picture import memory
from emu.picture.known import Named
from emu.picture.looks import Looks
from emu.picture.picture import Picture, Said
from emu.picture.registers import RegisterValues, values_of
from emu.picture.stop import Paused, Stop
from emu.picture.view import BreakpointView, CpuView, MachineView
from emu.timeline.timeline import Timeline
from emu.vmm.devices.fw_cfg import EXIT
from emu.words.expression import address

SEARCH_SECONDS: Final = 0.010
"""How long a way through the past goes on between two looks at the keys."""
_SEARCHED: Final = "the past is being searched: pause that first"
ENDLESS: Final = float("inf")
"""Seconds that `pump` may take when nobody waits for a key."""


class Session:
    """One machine and everything a person has said about it."""

    def __init__(self, setup: Setup, at_power_on: tuple[str, ...] = ()) -> None:
        """`at_power_on`: entries of the timeline before the first instruction, made again by a
        reset. Raises CommandError for one that cannot be."""
        self.desk: Desk = power_on(setup, at_power_on)
        self.recorder: Recorder | None = None
        self.in_slices = False
        """Whether `begin` comes back soon also from a way through the past, which `pump` then
        goes on with; else it carries that out wholly."""
        self._aside: Aside[Begun] | None = None

    # -- commands ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a command is being carried out."""
        return self.desk.goal is not None

    @property
    def searching(self) -> bool:
        """Whether a command is somewhere in the past, and the machine no moment to look at."""
        return self._aside is not None

    def do(self, what: Order | Resume | str) -> Picture:
        """Carry a command out wholly; raises CommandError, and then nothing has changed."""
        self.begin(what)
        while self.pump(ENDLESS):
            pass
        return self.view()

    def begin(self, what: Order | Resume | str) -> None:
        """Start a command, or let CPUs go on; `pump` carries it on while `running`. Meanwhile a
        command that only looks is carried out at once, and the other one goes on."""
        desk = self.desk
        if self.searching:
            raise CommandError(_SEARCHED)
        wanted = language.parse(what, desk.looks.words) if isinstance(what, str) else what
        looks = isinstance(wanted, Order) and wanted.command.looks
        if desk.goal is not None and not looks:
            raise CommandError("the machine is running: pause it first")
        desk.reply = ()
        desk.drawn.asked += 1
        if not self.in_slices:
            self._came_to(_begun(desk, wanted))
            return
        self._aside = Aside(desk.timeline.driver, lambda: _begun(desk, wanted))
        desk.goal = self._search
        self._search()

    def _search(self) -> bool:
        """Let the command go on through the past; where it comes to its end, what it came to
        is carried on, or answered."""
        aside = self._aside
        assert aside is not None, "somebody searches"
        if aside.go_on(SEARCH_SECONDS):
            self._aside = self.desk.goal = None
            self._came_to(aside.result())
        return False

    def _came_to(self, found: Begun) -> None:
        """A command has begun: it is answered, or there is something to be carried on."""
        if isinstance(found, tuple):
            self.desk.reply = found
        else:
            self.desk.goal = found

    def pump(self, seconds: float) -> bool:
        """Carry the running command on for about so long; True while it is not finished.
        Raises ApdbgError for one that cannot go on; nothing runs then."""
        end = time.perf_counter() + seconds
        while self.desk.goal is not None:
            try:
                over = self.desk.goal()
            except ApdbgError:
                running.finish(self.desk)
                raise
            problem = "" if self.searching else self._unrecorded(Recorder.catch_up)
            if over:
                running.finish(self.desk)
            if problem:
                self.pause()  # the machine stands still for that to be read
                raise RecordingError(problem)
            if time.perf_counter() >= end:
                break
        return self.running

    def pause(self) -> None:
        """Stop a running command where it is; one that goes through the past: the machine is
        again where that began."""
        if self._aside is not None:
            self._aside.stop()
            self._aside = self.desk.goal = None
            self.desk.reply = ("stopped: the machine is where it was",)
        elif self.running:
            self.desk.stop = (Paused(None),)
            running.finish(self.desk)

    def record(self, file: IO[bytes]) -> None:
        """From now on write a recording that is whole after every `pump`; raises
        RecordingError."""
        self.recorder = Recorder(self.desk, file)
        if problem := self._unrecorded(Recorder.begin):
            raise RecordingError(problem)

    def end_recording(self) -> None:
        """Write its last line, if there is one; raises RecordingError."""
        problem = self._unrecorded(Recorder.end)
        self.recorder = None
        if problem:
            raise RecordingError(problem)

    def _unrecorded(self, write: Callable[[Recorder], None]) -> str:
        """Let the recording be written, if there is one; why it could not be, and it ends."""
        if self.recorder is None:
            return ""
        try:
            write(self.recorder)
        except OSError as error:
            self.recorder = None
            tick = self.desk.machine.board.tick
            return (
                f"the recording cannot be written: {error.strerror}: it ends before tick "
                f"{tick:,}, and what it has holds"
            )
        return ""

    # -- looking ----------------------------------------------------------------------------

    @property
    def machine(self) -> Machine:
        """The machine itself."""
        return self.desk.machine

    @property
    def timeline(self) -> Timeline:
        """All its moments."""
        return self.desk.timeline

    @property
    def looks(self) -> Looks:
        """Where a front end looks."""
        return self.desk.looks

    @property
    def focus(self) -> int:
        """The CPU that commands mean which name none."""
        return self.desk.focus

    @property
    def stop(self) -> tuple[Stop, ...]:
        """Why the machine stands still."""
        return self.desk.stop

    @property
    def verdict(self) -> Verdict | None:
        """What became of the boot, if it has ended here."""
        return self.desk.verdict

    @property
    def exit_code(self) -> int | None:
        """What the guest asked for at the debug-exit port; None if it did not."""
        return self.machine.board.vmm.devices.get(EXIT)

    def view(self, focus: int | None = None) -> Picture:
        """A picture of this moment, each part of which is made when it is first read: before
        the next command, or never. Looking changes nothing."""
        desk = self.desk
        if focus is not None and focus != desk.focus:
            if self.searching:
                raise CommandError("the past is being searched: pause that first")
            desk.focus = cpu_of(desk, focus).id
            desk.drawn.asked += 1
            running.remember(desk)
        said = Said(
            desk.focus, desk.goal is not None, desk.stop, desk.verdict, desk.reply,
            partial(_points, desk), partial(_addresses, desk), desk.seen,
        )  # fmt: skip
        return Picture(desk.machine, desk.timeline, desk.judge, desk.looks, desk.drawn, said)

    def picture(self, focus: int | None = None) -> MachineView:
        """All of it at once, as a value that lasts."""
        return self.view(focus).whole()

    def cpus(self) -> tuple[CpuView, ...]:
        """Every CPU: what it does, where it is, what it waits for."""
        return self.view().cpus

    def registers(self, cpu: int | None = None) -> RegisterValues:
        """Every register of a CPU (None: the one in focus) by name; none before it starts."""
        return values_of(cpu_of(self.desk, cpu))

    def memory(self, where: str, count: int, cpu: int | None = None) -> tuple[int | None, ...]:
        """Bytes at `[gva:|gpa:|hpa:]PLACE` as a CPU sees them; None for one that is not mapped.
        Raises CommandError for a place that there is not."""
        one, look = cpu_of(self.desk, cpu), memory.look_of(where, "")
        start = address(self.machine, one, look.where)
        return tuple(memory.read(self.machine, one, look.space, start, count))

    def event_moments(self) -> list[tuple[int, int | None]]:
        """(tick, whose) of all events that are known of this branch, in order."""
        return [(event.tick, event.cpu) for event in self.timeline.branch.logs.events.known]

    def stop_words(self) -> list[str]:
        """The commands that would set all breakpoints, watchpoints and catches again."""
        points = [point.order for point in self.desk.breakpoints.listed]
        watches = [one.order for one in self.desk.watchpoints.listed]
        return [*points, *watches, *(catch.name for catch in self.desk.catches.listed)]

    def symbols(self) -> list[str]:
        """Every name that `break` and `until` know, sorted."""
        return self.machine.board.layout.symbols.names()

    def known(self, kind: str) -> tuple[Named, ...]:
        """What can be named now, of a kind of `emu.debug.known`, or `word`: what `help`
        explains."""
        if kind == "word":
            return tuple(Named(word, "") for word in every_word(self.desk, language.BY_WORD))
        return known.known(self.desk, kind)

    def meanings(self, word: str) -> Meanings:
        """All that a word means, as `help` tells it; of no word: all that can be explained.
        Raises CommandError with the nearest word of those that can be."""
        if self.searching:
            raise CommandError(_SEARCHED)
        return meanings(self.desk, language.BY_WORD, word)

    def menu(self) -> InjectionMenu:
        """What can be broken on this machine, and when."""
        return menu(self.machine, focused(self.desk))

    def digest(self) -> str:
        """SHA-256 over all registers and memory."""
        return self.desk.digest.now()

    def findings(self) -> tuple[Finding, ...]:
        """The rules of the protocol that were broken up to now, in order of time."""
        return self.desk.judge.findings(self.desk.verdict)

    def kernel_dtb(self) -> bytes:
        """The device tree in boot_params.setup_data (type 2), which the kernel is handed;
        CommandError before that."""
        found = handover.kernel_dtb(self.machine.board)
        if found is None:
            raise CommandError("the shim has not handed a device tree to the kernel yet")
        return found


def _begun(desk: Desk, wanted: Order | Resume) -> Begun:
    """Begin a command. Where it is stopped on its way through the past, the machine is again
    where it was."""
    timeline, branch, here = desk.timeline, desk.timeline.branch, desk.timeline.now
    try:
        if isinstance(wanted, Order):
            return wanted.command.begin(desk, *wanted.values)
        return resume(desk, wanted)
    except StoppedAside:
        timeline.machine.board.look_at()
        if timeline.branch is not branch:
            timeline.switch(branch.name)
        timeline.goto(here)
        running.settle(desk)
        raise


def _points(desk: Desk) -> tuple[BreakpointView, ...]:
    """All that stops the machine."""
    return (
        *(point.view() for point in desk.breakpoints.listed),
        *(watch.view() for watch in desk.watchpoints.listed),
        *(catch.view() for catch in desk.catches.listed),
    )


def _addresses(desk: Desk) -> frozenset[int]:
    """Where breakpoints are."""
    return frozenset(at for point in desk.breakpoints.listed for at in point.addresses)
