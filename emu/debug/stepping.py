"""Steps of one CPU: by hand at the end of what is known, retraced in the known past."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from emu.debug import stops
from emu.hw.cpu import Cpu
from emu.picture.view import StopReason
from emu.timeline.driver import STRETCH_STEPS
from emu.timeline.moment import Moment

if TYPE_CHECKING:
    from emu.debug.session import Session

Goal = Callable[[], bool]
"""Whether the command that runs has reached what it was for; called when the CPUs pause."""


def one(session: "Session", cpu: Cpu) -> None:
    """One instruction of one CPU. Where the known future has this very CPU next, it is
    followed; anything else is a choice of the user's, and begins a branch."""
    timeline, machine = session.timeline, session.machine
    if timeline.in_past and machine.board.logs.lanes.cpu_at(machine.board.tick + 1) == cpu.id:
        timeline.goto(Moment(machine.board.tick + 1))
        return
    if timeline.in_past or timeline.driver.schedule.by_hand != cpu.id:
        timeline.enter(f"hand {cpu.id}")
    timeline.driver.at_border()
    machine.step(cpu)


def _met(session: "Session", cpu: Cpu) -> bool:
    """Whether the instruction that was just executed met something that stops a run."""
    if session.watching.probes or session.catches.listed:
        met = stops.seen(session)
        if met != "nothing":
            return met == "stop"
    places = session.machine.board.addresses.stops
    if not places or session.machine.board.linear_rip(cpu) not in places:
        return False
    return stops.at_breakpoint(session, cpu)


def _stuck(session: "Session", cpu: Cpu) -> bool:
    return cpu.activity not in ("running", "waiting") or session.final


def step(session: "Session", cpu: Cpu, count: int) -> Goal:
    """COUNT instructions, or as many as the CPU can execute."""
    left = count
    session.stop = (StopReason(cpu.id, "step", f"cpu {cpu.id} stepped"),)

    def goal() -> bool:
        nonlocal left
        for _ in range(min(left, STRETCH_STEPS)):
            if _stuck(session, cpu):
                return True
            one(session, cpu)
            left -= 1
            if _met(session, cpu):
                return True
        return left <= 0

    return goal


def step_all(session: "Session", count: int) -> Goal:
    """COUNT rounds, in each of which every CPU that can executes one instruction."""
    left, waiting = count, list[Cpu]()
    session.stop = (StopReason(None, "step", "all CPUs stepped"),)

    def goal() -> bool:
        nonlocal left, waiting
        for _ in range(STRETCH_STEPS):
            if not waiting:
                if left <= 0 or session.final:
                    return True
                left -= 1
                held = session.timeline.driver.schedule.held
                waiting = [
                    cpu for cpu in session.machine.board.cpus
                    if cpu.activity in ("running", "waiting") and cpu.id not in held
                ]  # fmt: skip
                if not waiting:
                    return True
            cpu = waiting.pop(0)
            if _stuck(session, cpu):
                continue
            one(session, cpu)
            if _met(session, cpu):
                return True
        return False

    return goal


def over(session: "Session", cpu: Cpu, count: int) -> Goal:
    """COUNT pieces, each one instruction, or a call up to its return."""
    left, piece = count, _piece(session, cpu)

    def goal() -> bool:
        nonlocal left, piece
        if not piece():
            return False
        left -= 1
        reached = all(stop.kind in ("until", "step") for stop in session.stop)
        if left <= 0 or not reached or session.final:
            return True
        session.breakpoints.forget_temporary()
        piece = _piece(session, cpu)
        return False

    return goal


def _piece(session: "Session", cpu: Cpu) -> Goal:
    """What carries one CPU over its next instruction; the others run during a call."""
    code = session.instruction(cpu)
    if code is not None and (code.kind == "call" or code.repeats):
        after = session.machine.board.linear_rip(cpu) + code.size
        session.breakpoints.until((after,), f"after the {code.mnemonic}", cpu.id)
        return session.free_run(None)

    def goal() -> bool:
        if cpu.activity in ("running", "waiting"):
            one(session, cpu)
        session.stop = (StopReason(cpu.id, "step", f"cpu {cpu.id} stepped"),)
        _met(session, cpu)
        return True

    return goal


def finish(session: "Session", cpu: Cpu) -> Goal:
    """Step until the RET that leaves this depth of the stack has run."""
    depth = cpu.registers.get("rsp")
    session.stop = (StopReason(cpu.id, "step", f"cpu {cpu.id} left its function"),)

    def goal() -> bool:
        for _ in range(STRETCH_STEPS):
            if _stuck(session, cpu):
                return True
            code = session.instruction(cpu)
            one(session, cpu)
            if _met(session, cpu):
                return True
            left = code is not None and code.kind == "ret"
            if left and cpu.registers.get("rsp") > depth:
                return True
        return False

    return goal
