"""The only door to a machine: commands go in, frozen views come out.

`do` carries a command out wholly. A screen uses `begin` and `pump` instead: the same command
in short stretches, between which keys are read. The host's clock decides only how long a
stretch is; the guest cannot tell.
"""

import time
from collections.abc import Callable
from typing import IO, Final

from emu.boot.disasm import Instruction
from emu.boot.disasm import decode as decode_instruction
from emu.debug import answers, backwards, command, course, language, stepping, stops, travel
from emu.debug.breakpoint import Breakpoints
from emu.debug.catch import Catches
from emu.debug.recording import Recorder
from emu.debug.setup import Setup
from emu.debug.stepping import Goal
from emu.debug.stops import Watching
from emu.debug.watchpoint import Watchpoints
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.inject.menu import menu
from emu.inject.menu_view import InjectionMenu
from emu.judge.evidence import idle_ticks
from emu.judge.judge import Judge
from emu.judge.outcome import verdict
from emu.judge.verdict import Verdict
from emu.machine.machine import Machine, Pause
from emu.mailbox.rule import Finding
from emu.picture import picture
from emu.picture.cpu_rows import Crowd
from emu.picture.lanes import LaneIndex
from emu.picture.looks import Looks
from emu.picture.view import MachineView, StopReason
from emu.timeline.digest import Digest
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline
from emu.words.where import resolve

ENDLESS: Final = float("inf")
"""Seconds that `pump` may take when nobody waits for a key."""


class Session:
    """One machine and everything a person has said about it."""

    machine: Machine
    timeline: Timeline
    focus: int

    def __init__(self, setup: Setup, at_power_on: tuple[str, ...] = ()) -> None:
        """`at_power_on`: entries of the timeline before the first instruction, made again by a
        reset. Raises CommandError for one that cannot be."""
        self.setup = setup
        self.at_power_on = at_power_on
        self.focus = 0
        self.recorder: Recorder | None = None
        self.looks = Looks()
        self._build()

    def _build(self) -> None:
        self.machine = self.setup.machine()
        self.timeline = Timeline(self.machine)
        for text in self.at_power_on:
            self.timeline.enter(text)
        self.breakpoints = Breakpoints(self.machine)
        self.watchpoints = Watchpoints()
        self.catches = Catches()
        self.watching = Watching()
        self.stop: tuple[StopReason, ...] = (
            StopReason(0, "start", "before the first instruction"),
        )
        self.verdict: Verdict | None = None
        self._goal: Goal | None = None
        self._tick_max = self.setup.max_ticks
        self.reply: tuple[str, ...] = ()
        self._seen = picture.register_values(self.machine.cpus[self.focus])
        self._digest = Digest(self.machine)
        self.crowd = Crowd(self.machine)
        self.lane_index = LaneIndex()
        self.judge = Judge(self.machine)

    # -- commands ---------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a command is being carried out."""
        return self._goal is not None

    def do(self, what: command.Command | str) -> MachineView:
        """Carry a command out wholly; raises CommandError, and then nothing has changed."""
        self.begin(what)
        while self.pump(ENDLESS):
            pass
        return self.view()

    def begin(self, what: command.Command | str) -> None:
        """Start a command; `pump` carries it on while `running`."""
        order = language.parse(what) if isinstance(what, str) else what
        if self.running:
            raise CommandError("the machine is running: pause it first")
        self.reply = ()
        match order:
            case command.Step(_, count, True):
                self._begin(self.cpu(None), lambda _: stepping.step_all(self, count))
            case command.Step(cpu, count):
                self._begin(self._movable(cpu), lambda one: stepping.step(self, one, count))
            case command.Next(cpu, count):
                self._begin(self._movable(cpu), lambda one: stepping.over(self, one, count))
            case command.Finish():
                self._begin(self._movable(None), lambda one: stepping.finish(self, one))
            case command.Run(ticks):
                self._begin_run(ticks)
            case command.Until(where):
                self.breakpoints.until(resolve(self.machine, where), where, None)
                self._begin_run(None)
            case command.Goto():
                self._goto(order)
            case command.Reset():
                self._reset()
            case command.SelectCpu(cpu):
                self.focus = self.cpu(cpu).id
                self._before()
            case (
                command.ReverseStep() | command.ReverseNext() | command.ReverseFinish()
                | command.ReverseRun() | command.PreviousChange() | command.Branch()
            ):  # fmt: skip
                self._travel(order)
            case command.NextChange(text):
                self.watchpoints.until(self.machine, self.cpu(None), text)
                self._begin_run(None)
            case _:
                if isinstance(order, course.Changing):
                    course.change(self, order)
                else:
                    self.reply = answers.answer(self, order)

    def cpu(self, index: int | None) -> Cpu:
        """A CPU by number, or the one in focus; CommandError where there is none."""
        wanted = self.focus if index is None else index
        if wanted >= len(self.machine.cpus):
            last = len(self.machine.cpus) - 1
            raise CommandError(f"there is no cpu {wanted}: they are 0 to {last}")
        return self.machine.cpus[wanted]

    def _movable(self, index: int | None) -> Cpu:
        """A CPU that can execute an instruction now; CommandError says why one cannot."""
        cpu = self.cpu(index)
        if self.final and self.verdict is not None:
            raise CommandError(f"the machine stopped for good: {self.verdict.reason}")
        if cpu.activity not in ("running", "waiting"):
            raise CommandError(f"cpu {cpu.id} cannot step: {picture.why_still(cpu)}")
        return cpu

    def instruction(self, cpu: Cpu) -> Instruction | None:
        """The next instruction of a CPU."""
        code = self.machine.code_bytes(cpu)
        return decode_instruction(code, cpu.registers.rip, cpu.registers.mode)

    def _begin(self, cpu: Cpu, goal: Callable[[Cpu], Goal]) -> None:
        self.focus = cpu.id
        self._before()
        self.verdict = None
        self.watching.stand(self)
        self.watching.look(self)
        self._goal = goal(cpu)

    def _begin_run(self, ticks: int | None) -> None:
        if self._over and self.verdict is not None:
            self._forget_temporary()
            raise CommandError(f"the machine stopped for good: {self.verdict.reason}")
        self._before()
        self.verdict = None
        self._goal = self.free_run(ticks)

    def _before(self) -> None:
        self.looks.remember(self)
        self._seen = picture.register_values(self.machine.cpus[self.focus])

    def enter(self, text: str) -> None:
        """Something from outside reaches the guest, now; raises CommandError."""
        self.timeline.enter(text)
        self.stop = (StopReason(None, "entered", text),)
        self._settle()

    def _travel(self, order: travel.Order | command.ReverseRun) -> None:
        """Another moment: whatever was concluded here need not hold there."""
        self._before()
        try:
            if isinstance(order, command.ReverseRun):
                backwards.reverse_run(self)
            else:
                travel.travel(self, order)
        finally:
            self._settle()

    def _goto(self, order: command.Goto) -> None:
        self._before()
        found = travel.goto(self, order)
        if found is None:
            self._settle()
        elif self._over:
            self._short_of(found)
        else:
            self.verdict, self.stop = None, ()
            self._goal = lambda: self._forward(found)

    def _forward(self, wanted: Moment) -> bool:
        """A stretch towards a tick beyond what is known; True where it goes no further."""
        timeline = self.timeline
        goal = min(wanted, max(Moment(self.setup.max_ticks), timeline.end))
        ended = self._ended(timeline.forward(goal))
        if timeline.driver.reached(wanted):
            self.arrived()
        elif ended or timeline.driver.reached(goal):
            self._settle()
            self._short_of(wanted)
        else:
            return False
        return True

    def _short_of(self, wanted: Moment) -> None:
        """The boot ended before a tick was reached: say so, and how."""
        assert self.verdict is not None, "a tick is always reached but beyond an end"
        self.reply = (
            f"tick {wanted.tick:,} lies beyond the end at tick {self.machine.tick:,}: "
            f"{self.verdict.reason}",
        )

    def _reset(self) -> None:
        points, watches, catches = self.breakpoints, self.watchpoints, self.catches
        self._build()
        self.breakpoints, self.watchpoints, self.catches = points, watches, catches
        points.machine = self.machine
        points.apply()

    # -- running ----------------------------------------------------------------------------

    def pump(self, seconds: float) -> bool:
        """Carry the running command on for about so long; True while it is not finished."""
        end = time.perf_counter() + seconds
        while self._goal is not None:
            over = self._goal()
            if self.recorder is not None:
                self.recorder.catch_up()
            if over:
                self._finish()
            elif time.perf_counter() >= end:
                break
        return self.running

    def record(self, file: IO[bytes]) -> None:
        """From now on write a recording that is whole after every `pump`; raises OSError."""
        self.recorder = Recorder(self, file)
        self.recorder.begin()

    def arrived(self) -> None:
        """The machine was brought here, to a tick that was asked for or recorded."""
        self.stop = (StopReason(None, "travel", f"at tick {self.machine.tick:,}"),)
        self._settle()

    def pause(self) -> None:
        """Stop a running command where it is."""
        if self.running:
            self.stop = (StopReason(None, "pause", "paused"),)
            self._finish()

    def _finish(self) -> None:
        self._goal = None
        self._forget_temporary()
        self.watching.look_away(self)
        self._settle()

    def _forget_temporary(self) -> None:
        self.breakpoints.forget_temporary()
        self.watchpoints.temporary.clear()

    @property
    def final(self) -> bool:
        """Whether the guest has ended, one way or another."""
        return self.timeline.driver.final

    @property
    def _over(self) -> bool:
        """Whether the boot has ended here, so that nothing runs on by itself."""
        return self.verdict is not None and not self.timeline.in_past

    def _settle(self) -> None:
        """The machine stands still: is there anything to conclude?"""
        branch, at_end = self.timeline.branch, not self.timeline.in_past
        if self.final:
            branch.last = Pause.OUTCOME
            self._conclude(Pause.OUTCOME)
        elif at_end and branch.last in (Pause.HUNG, Pause.STUCK):
            self._conclude(branch.last)
        elif at_end and self.machine.tick >= self.setup.max_ticks:
            self._conclude(Pause.BUDGET)
        else:
            self.verdict = None

    def _conclude(self, why: Pause) -> None:
        self.verdict = verdict(self.machine, why, self.timeline.driver.schedule.held)
        self.stop = (StopReason(None, "outcome", self.verdict.reason),)

    def free_run(self, ticks: int | None) -> Goal:
        """The CPUs run in schedule order until something stops them or time is up."""
        limit = self.setup.max_ticks
        self._tick_max = limit if ticks is None else min(limit, self.machine.tick + ticks)
        self.watching.stand(self)
        self.stop = ()
        self.watching.look(self)
        return self._run_stretch

    def _run_stretch(self) -> bool:
        timeline = self.timeline
        pause = timeline.stretch(Moment(self._tick_max))
        met = stops.seen(self)
        if met != "nothing":
            return met == "stop"
        if pause is Pause.BREAKPOINT:
            index = self.machine.at_work
            assert index is not None, "a breakpoint stops a CPU"
            return stops.at_breakpoint(self, self.machine.cpus[index])
        if self._ended(pause):
            return True
        if self.machine.tick >= self._tick_max:
            self.stop = (StopReason(None, "limit", "the ticks asked for have run"),)
            return True
        return False

    def _ended(self, pause: Pause) -> bool:
        """Whether a stretch came to an end of the boot; the branch remembers one that the
        machine itself does not show."""
        timeline, watchdog = self.timeline, self.setup.options.watchdog
        if watchdog and not timeline.in_past and idle_ticks(self.machine) >= watchdog:
            timeline.branch.last = Pause.STUCK
            return True
        if pause is Pause.HUNG:
            timeline.branch.last = Pause.HUNG
        return pause in (Pause.OUTCOME, Pause.HUNG)

    # -- looking ----------------------------------------------------------------------------

    def view(self, focus: int | None = None) -> MachineView:
        """A frozen picture of everything; looking changes nothing."""
        if focus is not None and focus != self.focus:
            self.focus = self.cpu(focus).id
            self._before()
        return picture.view(self, self._seen, self.reply)

    def event_ticks(self) -> list[int]:
        """The ticks of all events that are known of this branch, in order."""
        return [event.tick for event in self.timeline.branch.logs.events.known]

    def stop_words(self) -> list[str]:
        """The commands that would set all breakpoints, watchpoints and catches again."""
        points = [point.order for point in self.breakpoints.listed]
        watches = [one.order for one in self.watchpoints.listed]
        return [*points, *watches, *(catch.name for catch in self.catches.listed)]

    def symbols(self) -> list[str]:
        """Every name that `break` and `until` know, sorted."""
        return self.machine.layout.symbols.names()

    def menu(self) -> InjectionMenu:
        """What can be broken on this machine, and when."""
        return menu(self)

    def digest(self) -> str:
        """SHA-256 over all registers and memory."""
        return self._digest.now()

    def findings(self) -> tuple[Finding, ...]:
        """The rules of the protocol that were broken up to now, in order of time."""
        return self.judge.findings(self.verdict)

    def kernel_dtb(self) -> bytes:
        """The device tree that boot_params hand to the kernel; CommandError before that."""
        return picture.kernel_dtb(self.machine)
