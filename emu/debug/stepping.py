"""Steps of one CPU: by hand at the end of what is known, retraced in the known past."""

from typing import Final

from emu.debug import stops
from emu.debug.desk import Desk, Goal, instruction
from emu.debug.running import free_run
from emu.hw.cpu import Cpu
from emu.picture.stop import AtPlace, Stepped
from emu.timeline.driver import STRETCH_STEPS
from emu.timeline.moment import Moment

_ENDLESS: Final = 1 << 62
_ROUND_STEPS: Final = 64
"""Of a round of all CPUs before somebody may look: each is an entry of the timeline, 10 ms."""


def one(desk: Desk, cpu: Cpu) -> None:
    """One instruction of one CPU. Where the known future has this very CPU next, it is
    followed; anything else is a choice of the user's, and begins a branch."""
    timeline, machine = desk.timeline, desk.machine
    if timeline.in_past and machine.board.logs.lanes.cpu_at(machine.board.tick + 1) == cpu.id:
        timeline.goto(Moment(machine.board.tick + 1))
        return
    if timeline.in_past or timeline.driver.schedule.by_hand != cpu.id:
        timeline.enter(f"hand {cpu.id}")
    timeline.driver.at_border()
    machine.steps(cpu)


def _undisturbed(desk: Desk, cpu: Cpu) -> bool:
    """Whether steps of a CPU need only be counted from here on: it is stepped by hand already,
    at the end of what is known, and nobody waits for more than places on the way."""
    timeline, waits = desk.timeline, desk.watching.probes or desk.catches.listed
    return not (waits or timeline.driver.schedule.by_hand != cpu.id or timeline.in_past)


def _many(desk: Desk, cpu: Cpu, count: int) -> int:
    """Undisturbed steps of a CPU, at most so many, up to where one stops or may meet what
    stops; how many there were."""
    driver, steps, done = desk.timeline.driver, desk.machine.steps, 0
    places = desk.machine.board.addresses.stops
    while done < count and not stuck(desk, cpu):
        done += steps(cpu, min(driver.at_border(), count - done))
        if places and desk.machine.board.linear_rip(cpu) in places:
            break
    return done


def met(desk: Desk, cpu: Cpu) -> bool:
    """Whether the instruction that was just executed met something that stops a run."""
    if desk.watching.probes or desk.catches.listed:
        met = stops.seen(desk)
        if met != "nothing":
            return met == "stop"
    places = desk.machine.board.addresses.stops
    if not places or desk.machine.board.linear_rip(cpu) not in places:
        return False
    return stops.at_breakpoint(desk, cpu)


def stuck(desk: Desk, cpu: Cpu) -> bool:
    """Whether a CPU can execute nothing more by hand."""
    return cpu.activity not in ("running", "waiting") or desk.timeline.driver.final


def step(desk: Desk, cpu: Cpu, count: int | None) -> Goal:
    """COUNT instructions, or (None) as many as the CPU can execute."""
    left = _ENDLESS if count is None else count
    desk.stop = (Stepped(cpu.id),)

    def goal() -> bool:
        nonlocal left
        for _ in range(min(left, STRETCH_STEPS)):
            if stuck(desk, cpu):
                return True
            if _undisturbed(desk, cpu):
                left -= _many(desk, cpu, min(left, STRETCH_STEPS))
                return met(desk, cpu) or left <= 0 or stuck(desk, cpu)
            one(desk, cpu)
            left -= 1
            if met(desk, cpu):
                return True
        return left <= 0 or stuck(desk, cpu)

    return goal


def step_all(desk: Desk, count: int) -> Goal:
    """COUNT rounds, in each of which every CPU that can executes one instruction."""
    left, waiting = count, list[Cpu]()
    desk.stop = (Stepped(None),)

    def goal() -> bool:
        nonlocal left, waiting
        for _ in range(_ROUND_STEPS):
            if not waiting:
                if left <= 0 or desk.timeline.driver.final:
                    return True
                left -= 1
                held = desk.timeline.driver.schedule.held
                waiting = [
                    cpu for cpu in desk.machine.board.cpus
                    if cpu.activity in ("running", "waiting") and cpu.id not in held
                ]  # fmt: skip
                if not waiting:
                    return True
            cpu = waiting.pop(0)
            if stuck(desk, cpu):
                continue
            one(desk, cpu)
            if met(desk, cpu):
                return True
        return False

    return goal


def over(desk: Desk, cpu: Cpu, count: int) -> Goal:
    """COUNT pieces, each one instruction, or a call up to its return."""
    left, part = count, piece(desk, cpu)

    def goal() -> bool:
        nonlocal left, part
        if not part():
            return False
        left -= 1
        reached = all(isinstance(stop, AtPlace | Stepped) for stop in desk.stop)
        if left <= 0 or not reached or desk.timeline.driver.final:
            return True
        desk.breakpoints.forget_temporary()
        part = piece(desk, cpu)
        return False

    return goal


def piece(desk: Desk, cpu: Cpu) -> Goal:
    """What carries one CPU over its next instruction; the others run during a call. A return
    of a deeper call to the same place does not end it."""
    code = instruction(desk.machine, cpu)
    if code is not None and (code.kind == "call" or code.repeats):
        after = desk.machine.board.linear_rip(cpu) + code.size
        depth = f"rsp >= {cpu.registers.get('rsp'):#x}" if code.kind == "call" else ""
        desk.breakpoints.until((after,), f"after the {code.mnemonic}", cpu.id, depth)
        return free_run(desk, None)

    def goal() -> bool:
        if cpu.activity in ("running", "waiting"):
            one(desk, cpu)
        desk.stop = (Stepped(cpu.id),)
        met(desk, cpu)
        return True

    return goal
