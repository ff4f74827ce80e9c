"""`why`: what became of a CPU, what it did last and what it waits for, at any moment."""

from typing import Final

from emu.debug.command import Command, some_count
from emu.debug.desk import Desk, Lines, cpu_of
from emu.judge import account
from emu.judge.fate import fates
from emu.judge.verdict import is_over


def _why(desk: Desk, index: int | None) -> Lines:
    cpu = cpu_of(desk, index)
    fate = fates(desk.machine, over=is_over(desk.verdict))[cpu.id]
    timeline = desk.timeline if desk.goal is None else None  # nobody goes back while it runs
    (one,) = account.of(desk.machine, {cpu.id: fate}, timeline)
    head, *rest = account.parts(one, (cpu.id,))
    broken = [
        f"  broke {finding.rule} (tick {finding.tick:,}): {finding.text}"
        for finding in desk.judge.findings(desk.verdict)
        if finding.cpu == cpu.id
    ]
    return (head, *(f"  {part}" for part in rest), *broken)


WHY: Final = Command(
    "why",
    "Say why a CPU is where it is: what it did last, what was refused, what it waits for, who "
    "wrote that last, and what would have to come next.",
    _why,
    (some_count("cpu"),),
    looks=True,
)
