"""Commands that move the machine: how they begin, run on, end, and what is concluded then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emu.debug import stops
from emu.debug.desk import Desk, Goal, Lines, cpu_of, focused
from emu.debug.setup import Options
from emu.errors import CommandError, EndedError
from emu.hw.cpu import Cpu
from emu.judge.outcome import verdict
from emu.judge.progress import idle_ticks
from emu.judge.verdict import Verdict
from emu.machine.pause import Pause
from emu.picture.cpu_row import why_still
from emu.picture.registers import still_of
from emu.picture.stop import BootEnded, Entered, LimitReached, Travelled
from emu.timeline.moment import Moment
from emu.vmm import panic


def over(desk: Desk) -> bool:
    """Whether the boot has ended here, so that nothing runs on by itself."""
    return desk.verdict is not None and not desk.timeline.in_past


def remember(desk: Desk) -> None:
    """A command begins: what is seen now is what changes are marked against."""
    desk.looks.remember(desk.machine, focused(desk))
    desk.seen = still_of(focused(desk))


def movable(desk: Desk, index: int | None) -> Cpu:
    """A CPU that can execute an instruction now; CommandError says why one cannot."""
    cpu = cpu_of(desk, index)
    if desk.timeline.driver.final and desk.verdict is not None:
        raise _ended_for_good(desk.verdict)
    if cpu.activity not in ("running", "waiting"):
        raise CommandError(f"cpu {cpu.id} cannot step: {why_still(cpu)}")
    return cpu


def _ended_for_good(verdict: Verdict) -> EndedError:
    return EndedError(
        f"the boot is over, {verdict.reason}: reverse-step, reverse-run, goto and reset go on "
        "from here"
    )


def begin(desk: Desk, cpu: Cpu, goal: Callable[[Desk, Cpu], Goal]) -> Goal:
    """One CPU in focus begins to move."""
    desk.focus = cpu.id
    remember(desk)
    desk.verdict = None
    stops.stand(desk)
    stops.look(desk)
    return goal(desk, cpu)


def begin_run(desk: Desk, ticks: int | None) -> Goal:
    """All CPUs run from here on, for so many ticks at most."""
    if over(desk) and desk.verdict is not None:
        forget_temporary(desk)
        raise _ended_for_good(desk.verdict)
    remember(desk)
    desk.verdict = None
    return free_run(desk, ticks)


def free_run(desk: Desk, ticks: int | None) -> Goal:
    """The CPUs run in schedule order until something stops them or time is up."""
    limit = desk.setup.max_ticks
    last = limit if ticks is None else min(limit, desk.machine.board.tick + ticks)
    stops.stand(desk)
    desk.stop = ()
    stops.look(desk)
    return lambda: _run_stretch(desk, last)


def _run_stretch(desk: Desk, last: int) -> bool:
    """Some way towards a tick; True where the run ends."""
    pause = desk.timeline.stretch(Moment(last))
    met = stops.seen(desk)
    if met != "nothing":
        return met == "stop"
    if pause is Pause.BREAKPOINT:
        index = desk.machine.board.at_work
        assert index is not None, "a breakpoint stops a CPU"
        return stops.at_breakpoint(desk, desk.machine.board.cpus[index])
    if _ended(desk, pause):
        return True
    if desk.machine.board.tick >= last:
        desk.stop = (LimitReached(None),)
        return True
    return False


def _ended(desk: Desk, pause: Pause) -> bool:
    """Whether a stretch came to an end of the boot; the branch remembers one that the
    machine itself does not show."""
    timeline, options = desk.timeline, desk.setup.options
    if not timeline.in_past and _goes_nowhere(desk, options):
        timeline.branch.last = Pause.STUCK
        return True
    if pause is Pause.HUNG:
        timeline.branch.last = Pause.HUNG
    return pause in (Pause.OUTCOME, Pause.HUNG)


def _goes_nowhere(desk: Desk, options: Options) -> bool:
    """Whether the watchdog gives up: no progress, nothing but the same faults, or a kernel
    that has said that this is the end."""
    if options.watchdog and idle_ticks(desk.machine) >= options.watchdog:
        return True
    if panic.is_over(desk.machine.board.vmm.sent.last_line()):
        return True
    most = options.same_faults
    return bool(most) and desk.same_faults.look(desk.machine) >= most


@contextmanager
def elsewhere(desk: Desk) -> Iterator[None]:
    """Another moment is gone to: whatever was concluded here need not hold there."""
    remember(desk)
    try:
        yield
    finally:
        settle(desk)


def run_to(desk: Desk, wanted: Moment) -> Goal | Lines:
    """Towards a moment beyond what is known; where the boot has ended before it, that."""
    if over(desk):
        return _short_of(desk, wanted)
    desk.verdict, desk.stop = None, ()
    return lambda: _forward(desk, wanted)


def _forward(desk: Desk, wanted: Moment) -> bool:
    """A stretch towards a tick beyond what is known; True where it goes no further."""
    timeline = desk.timeline
    goal = min(wanted, max(Moment(desk.setup.max_ticks), timeline.end))
    ended = _ended(desk, timeline.forward(goal))
    if timeline.driver.reached(wanted):
        arrived(desk)
    elif ended or timeline.driver.reached(goal):
        settle(desk)
        desk.reply = _short_of(desk, wanted)
    else:
        return False
    return True


def _short_of(desk: Desk, wanted: Moment) -> Lines:
    """That the boot ended before a tick was reached, and how."""
    assert desk.verdict is not None, "a tick is always reached but beyond an end"
    return (
        f"tick {wanted.tick:,} lies beyond the end at tick {desk.machine.board.tick:,}: "
        f"{desk.verdict.reason}",
    )


def arrived(desk: Desk, at_end: bool = False) -> None:
    """The machine was brought here, to a tick that was asked for or recorded. `at_end`: a boot
    is said to have ended here, which the machine itself may not show."""
    desk.stop = (Travelled(None, desk.machine.board.tick),)
    if at_end:
        _try_to_go_on(desk)
    settle(desk)


def _try_to_go_on(desk: Desk) -> None:
    """Where the watchdog has waited long enough, and where nothing can run any more, the branch
    remembers it as if it had been run to here; the machine stays where it is."""
    timeline, watchdog = desk.timeline, desk.setup.options.watchdog
    here = timeline.now
    if watchdog and idle_ticks(desk.machine) >= watchdog:
        timeline.branch.last = Pause.STUCK
    elif timeline.driver.schedule.by_hand is None and here.tick < desk.setup.max_ticks:
        if timeline.forward(Moment(here.tick + 1)) is Pause.HUNG:
            timeline.branch.last = Pause.HUNG
        if timeline.now != here:
            timeline.goto(here)


def enter(desk: Desk, text: str) -> None:
    """Something from outside reaches the guest, now; raises CommandError."""
    desk.timeline.enter(text)
    desk.stop = (Entered(None, text),)
    settle(desk)


def finish(desk: Desk) -> None:
    """What was being carried out is over."""
    desk.goal = None
    forget_temporary(desk)
    stops.look_away(desk)
    settle(desk)


def forget_temporary(desk: Desk) -> None:
    """What stopped only the command that is over."""
    desk.breakpoints.forget_temporary()
    desk.watchpoints.temporary.clear()
    desk.catches.temporary.clear()


def settle(desk: Desk) -> None:
    """The machine stands still: is there anything to conclude?"""
    timeline = desk.timeline
    branch, at_end = timeline.branch, not timeline.in_past
    if timeline.driver.final:
        branch.last = Pause.OUTCOME
        _conclude(desk, Pause.OUTCOME)
    elif at_end and branch.last in (Pause.HUNG, Pause.STUCK):
        _conclude(desk, branch.last)
    elif at_end and desk.machine.board.tick >= desk.setup.max_ticks:
        _conclude(desk, Pause.BUDGET)
    else:
        desk.verdict = None


def _conclude(desk: Desk, why: Pause) -> None:
    desk.verdict = verdict(desk.machine, why, desk.timeline.driver.schedule.held)
    desk.stop = (BootEnded(None, desk.verdict.outcome, desk.verdict.reason),)
