"""From the machine to the frozen view: everything that a screen may know, nothing more."""

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from emu.errors import ApdbgError, CommandError
from emu.hw.context import StillRegisters
from emu.hw.cpu import Cpu
from emu.judge.judge import Judge
from emu.judge.verdict import Verdict, is_over
from emu.machine.machine import Machine
from emu.picture import registers
from emu.picture.code_place import code_address
from emu.picture.drawn import Drawn
from emu.picture.entries import entries
from emu.picture.lanes import timeline_view
from emu.picture.listing import Listing
from emu.picture.looks import Looks
from emu.picture.mailbox import mailbox_view
from emu.picture.sections import FindingsView
from emu.picture.stop import Stop
from emu.picture.view import (
    BreakpointView,
    CodeLine,
    CodeLook,
    CpuView,
    EntryView,
    MachineView,
    MailboxView,
    PhaseView,
    RegisterView,
    Sections,
    TimelineView,
)
from emu.timeline.timeline import Timeline


class Said(Struct, frozen=True):
    """What people said, and what was said to them, as far as it is in a picture."""

    focus: int
    running: bool
    stop: tuple[Stop, ...]
    verdict: Verdict | None
    reply: tuple[str, ...]
    points: Callable[[], tuple[BreakpointView, ...]]
    """Lists what stops the machine."""
    addresses: Callable[[], frozenset[int]]
    """Where breakpoints are."""
    seen: StillRegisters | None
    """The registers in focus when the command began."""


class MovedOnError(ApdbgError):
    """A part of a picture was asked for when its moment had passed."""


T = TypeVar("T")


class _Part(Generic[T]):
    """A part of a picture: made when it is first read, and kept. `cached_property` does the
    same, but takes a lock for each, which costs as much as many a part."""

    def __init__(self, make: Callable[["Picture"], T]) -> None:
        self._make, self._name = make, make.__name__

    def __get__(self, picture: "Picture", owner: type) -> T:
        found = picture.__dict__[self._name] = self._make(picture)
        return found


class Picture:
    """The machine at one moment, with one CPU in focus.

    A part is made when it is first read, and is kept. What was not read before the next command
    can be made no more: reading it raises MovedOnError. `whole` makes everything at once."""

    def __init__(
        self, machine: Machine, timeline: Timeline, judge: Judge, looks: Looks, drawn: Drawn,
        said: Said,
    ) -> None:  # fmt: skip
        self._machine, self._timeline, self._judge = machine, timeline, judge
        self._looks, self._drawn, self._said = looks, drawn, said
        self._wanted, self._window = looks.wanted, looks.window
        self._asked, self._branch, self._done = (
            drawn.asked, timeline.branch, timeline.driver.done,
        )  # fmt: skip
        self._beat = machine.board.beat
        verdict = said.verdict
        self.tick = machine.board.tick
        self.running = said.running
        self.stop = said.stop
        self.outcome = None if verdict is None else verdict.outcome
        self.outcome_reason = "" if verdict is None else verdict.reason
        self.focus = said.focus
        self.reply = said.reply
        self.cpus_look = looks.cpus

    def _here(self) -> Machine:
        """The machine, if it is still at this moment."""
        machine, timeline = self._machine, self._timeline
        if not (
            self._drawn.asked == self._asked
            and machine.board.tick == self.tick
            and machine.board.beat == self._beat
            and timeline.driver.done == self._done
            and timeline.branch is self._branch
        ):
            raise MovedOnError(
                f"this is a picture of tick {self.tick:,}, and the machine has moved on: "
                "read it before the next command, or take `whole()` of it"
            )
        return machine

    @_Part
    def virtual_ns(self) -> int:
        """The machine's time."""
        return self._here().board.now_ps() // 1000

    @_Part
    def cpus(self) -> tuple[CpuView, ...]:
        """Every CPU in a row."""
        words = self._looks.wait_words(self._here())
        course = self._timeline.branch.name, self._timeline.driver.done
        return self._drawn.crowd.views(course, words, over=is_over(self._said.verdict))

    @_Part
    def registers(self) -> tuple[RegisterView, ...]:
        """Those of the CPU in focus; none if it has not started."""
        focus = self._here().board.cpus[self.focus]
        if focus.context is None:
            return ()
        return registers.views(focus.context, self._said.seen)

    @_Part
    def code_look(self) -> CodeLook:
        """Which code is looked at."""
        machine = self._here()
        return self._looks.code_look(machine, machine.board.cpus[self.focus])

    @_Part
    def code(self) -> tuple[CodeLine, ...]:
        """The lines around the CPU in focus, or around the place that is looked at."""
        machine = self._here()
        stops = self._said.addresses()
        return _code(
            machine, machine.board.cpus[self.focus], self.code_look, stops, self._drawn.listing
        )

    @_Part
    def mailbox(self) -> MailboxView | None:
        """The mailbox and how far each AP is."""
        return mailbox_view(self._here(), [cpu.state for cpu in self.cpus])

    @_Part
    def sections(self) -> Sections:
        """What a front end looks at beside the CPUs."""
        machine = self._here()
        focus = machine.board.cpus[self.focus]
        return self._looks.sections(machine, self._timeline, focus, self._wanted)

    @_Part
    def exit_counts(self) -> tuple[tuple[str, int], ...]:
        """By kind: exits so far, the most frequent first."""
        counts = self._here().board.exit_counts.items()
        return tuple(sorted(counts, key=lambda pair: (-pair[1], pair[0])))

    @_Part
    def entries(self) -> tuple[EntryView, ...]:
        """What people did to this branch."""
        return entries(self._here(), self._timeline)

    @_Part
    def serial(self) -> str:
        """What the guest has written to the serial line."""
        return self._here().board.vmm.serial.decode("utf-8", "replace")

    @_Part
    def breakpoints(self) -> tuple[BreakpointView, ...]:
        """What stops the machine."""
        self._here()
        return self._said.points()

    @_Part
    def findings(self) -> FindingsView:
        """What the rules say."""
        self._here()
        return self._looks.findings(self._judge, self._said.verdict)

    @_Part
    def timeline(self) -> TimelineView:
        """The known course, and where on it the machine stands."""
        machine, timeline = self._here(), self._timeline
        branch = timeline.branch
        return timeline_view(
            machine, self._drawn.lanes, self.focus, timeline.end.tick, self._window,
            (branch.name, len(timeline.branches)),
            tuple((name, mark.at.tick) for name, mark in branch.marks.items()),
        )  # fmt: skip

    @_Part
    def phases(self) -> tuple[PhaseView, ...]:
        """The phases of this boot."""
        machine = self._here()
        self._drawn.lanes.catch_up(machine)
        return self._drawn.lanes.phases.views(machine.board)

    def whole(self) -> MachineView:
        """Everything, as one value that lasts."""
        machine = self._here()
        schedule = self._timeline.driver.schedule
        return MachineView(
            image=machine.board.layout.name,
            platform=machine.board.platform.name,
            seed=machine.board.seed,
            tick=self.tick,
            virtual_ns=self.virtual_ns,
            running=self.running,
            stop=self.stop,
            outcome=self.outcome,
            outcome_reason=self.outcome_reason,
            focus=self.focus,
            cpus=self.cpus,
            registers=self.registers,
            code=self.code,
            code_look=self.code_look,
            mailbox=self.mailbox,
            cpus_look=self.cpus_look,
            sections=self.sections,
            exit_counts=self.exit_counts,
            entries=self.entries,
            held=schedule.held,
            schedule=schedule.chooser.text,
            serial=self.serial,
            breakpoints=self.breakpoints,
            findings=self.findings,
            reply=self.reply,
            timeline=self.timeline,
            phases=self.phases,
        )


def _code(
    machine: Machine, focus: Cpu, look: CodeLook, stops: frozenset[int], drawn: Listing
) -> tuple[CodeLine, ...]:
    """The lines around the CPU, or around the place that is looked at."""
    if focus.context is None:
        return ()
    start = machine.board.linear_rip(focus)
    if look.where:
        try:
            start = code_address(machine, focus, look.where)
        except CommandError:
            return ()
    found = drawn.lines(focus, start, stops)
    if look.lines == "both":
        return found
    unwanted = "source" if look.lines == "asm" else "asm"
    return tuple(line for line in found if line.kind != unwanted or line.current)
