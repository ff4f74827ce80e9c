"""How CPUs go on: what each of them does, in which direction, and up to where.

Commands that move are made of it, and so is every other front end's `continue` and `step`.
"""

from typing import Literal

from msgspec import Struct

from emu.debug import backwards, stepping, travel
from emu.debug.catch import caught
from emu.debug.desk import Desk, Goal, Lines, cpu_of, focused
from emu.debug.running import begin, begin_run, elsewhere, movable
from emu.errors import CommandError
from emu.words.where import resolve

Action = Literal["step", "run", "stop"]


class Resume(Struct, frozen=True):
    """One CPU, some, or all go on until they have done as much, or something stops them."""

    actions: tuple[tuple[int, Action], ...] = ()
    """(CPU, what it does)."""
    others: Action = "run"
    """What all others do."""
    direction: Literal["forward", "backward"] = "forward"
    count: int = 1
    """Instructions of each CPU that steps; backward with all stepping, of whichever CPU's."""
    ticks: int | None = None
    """Forward, where CPUs run: at most so many instructions of all together."""
    until: str = ""
    """Forward, where all run: a place at which any CPU ends it, or `KIND TEXT` of what is
    caught."""


def resume(desk: Desk, wanted: Resume) -> Goal | Lines:
    """Begin it; raises CommandError, and then nothing has changed."""
    doing = {cpu_of(desk, cpu).id: action for cpu, action in wanted.actions}
    alone = [cpu for cpu, action in doing.items() if action != "stop"]
    kinds = {*doing.values(), wanted.others}
    if len(doing) == len(desk.machine.board.cpus):
        kinds = set(doing.values())
    if kinds == {"stop"}:
        raise CommandError("no CPU is to go on")
    if wanted.direction == "backward":
        return _backward(desk, wanted, alone, kinds)
    if kinds == {"run"}:
        return _run(desk, wanted)
    if kinds == {"step"}:
        return begin(desk, focused(desk), lambda desk, _: stepping.step_all(desk, wanted.count))
    if wanted.others == "stop" and len(alone) == 1:
        steps = wanted.count if doing[alone[0]] == "step" else wanted.ticks
        cpu = movable(desk, alone[0])
        return begin(desk, cpu, lambda desk, one: stepping.step(desk, one, steps))
    raise CommandError("either one CPU goes on alone, or all do the same: `hold` keeps others")


def _run(desk: Desk, wanted: Resume) -> Goal:
    event = caught(wanted.until)
    if event is not None:
        desk.catches.until(*event)
    elif wanted.until:
        desk.breakpoints.until(resolve(desk.machine, wanted.until), wanted.until, None)
    return begin_run(desk, wanted.ticks)


def _backward(desk: Desk, wanted: Resume, alone: list[int], kinds: set[Action]) -> Lines:
    """Everything that is behind is known, so it is done at once."""
    with elsewhere(desk):
        if kinds == {"run"}:
            backwards.reverse_run(desk)
        elif kinds == {"step"}:
            travel.reverse_step(desk, None, wanted.count)
        elif kinds == {"step", "stop"} and len(alone) == 1:
            travel.reverse_step(desk, cpu_of(desk, alone[0]), wanted.count)
        else:
            raise CommandError("backward, either one CPU steps alone, or all do the same")
    return ()
