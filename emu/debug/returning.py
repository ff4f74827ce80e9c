"""`finish`: all CPUs run until one returns from the function that it is in."""

from emu.debug.desk import Desk, Goal
from emu.debug.running import free_run
from emu.errors import CommandError
from emu.hw.cpu import SLEEPS, Cpu
from emu.picture.cpu_row import why_still
from emu.picture.stop import AtPlace, LeftFunction
from emu.unwind.frame import Frame


def caller(desk: Desk, cpu: Cpu) -> tuple[Frame, Frame]:
    """The frame of a CPU and that of its caller; CommandError where none is known."""
    found = desk.looks.unwinder(desk.machine).frames(cpu, 2)
    if len(found.frames) < 2:
        where = found.frames[0].symbol or f"{found.frames[0].address:#x}"
        raise CommandError(
            f"finish: nobody is known to have called {where} on cpu {cpu.id}: {found.ending}"
        )
    return found.frames[0], found.frames[1]


def finish(desk: Desk, cpu: Cpu, frames: tuple[Frame, Frame]) -> Goal:
    """Run to where the function returns, on the same stack: a deeper call that returns to the
    same place does not count. Whatever else ends it, the answer says that it did not return."""
    inner, outer = frames
    function = inner.symbol.partition("+")[0] or f"{inner.address:#x}"
    desk.breakpoints.until(
        (outer.address,), f"return of {function}", cpu.id, f"rsp >= {outer.rsp:#x}"
    )
    run = free_run(desk, None)

    def goal() -> bool:
        over = run()
        if not over and cpu.activity in ("running", "waiting", *SLEEPS):
            return False
        if any(_is_there(stop, cpu, outer) for stop in desk.stop):
            place = desk.machine.board.source(cpu)
            desk.stop = (LeftFunction(cpu.id, function, place, outer.how == "guess"),)
            return True
        stands = cpu.activity not in ("running", "waiting")
        still = f", it is {cpu.activity}: {why_still(cpu)}" if stands else ""
        desk.reply = (f"cpu {cpu.id} has not returned from {function}{still}",)
        return True

    return goal


def _is_there(stop: object, cpu: Cpu, outer: Frame) -> bool:
    return isinstance(stop, AtPlace) and (stop.cpu, stop.address) == (cpu.id, outer.address)
