"""What stands at a place and a moment: the code around it, and the registers of a CPU there.

Whoever looks goes there and comes back; the run is the same as if nobody had.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from emu.hw.context import GENERAL
from emu.hw.cpu import Cpu
from emu.judge.report import CodeReport, CodeRow
from emu.machine.machine import Machine
from emu.picture.listing import Listing
from emu.timeline.moment import Moment
from emu.timeline.timeline import Timeline

LINES_AROUND: Final = 4
"""Lines of source before a place and behind it, or as many instructions."""
TEXT_MAX: Final = 200
"""Characters of a line of code."""
REGISTERS: Final = (*GENERAL, "rip", "rflags", "cr0", "cr2", "cr3", "cr4", "efer")
"""What a person looks at first, in the order of the screen."""


@contextmanager
def looking_back(timeline: Timeline) -> Iterator[None]:
    """Other moments of the branch can be gone to; then the machine is where it was."""
    home = timeline.now
    _ = timeline.end  # the past that is left must be known, or coming back would end short
    try:
        yield
    finally:
        timeline.goto(home)


def be_at(timeline: Timeline, tick: int) -> None:
    """The first state at or after a tick, or the end of what is known."""
    timeline.goto(Moment(tick))


def registers(cpu: Cpu) -> dict[str, int]:
    """Those that matter, by name; none of a CPU that never started."""
    context = cpu.context
    return {} if context is None else {name: context.get(name) for name in REGISTERS}


class Surroundings:
    """The code around places of one machine, by source where there is one."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._listing = Listing(machine)

    def around(self, cpu: Cpu | None, address: int) -> CodeReport:
        """Some lines around a linear address; instructions as the CPU has them mapped now."""
        if not address:
            return CodeReport()
        file, line = self._machine.board.layout.lines.line_of(address) or ("", 0)
        rows = self._source(file, line)
        if not rows and cpu is not None and cpu.context is not None:
            rows = self._instructions(cpu, address)
        return CodeReport(file, line, tuple(rows))

    def _source(self, file: str, line: int) -> list[CodeRow]:
        text = self._machine.board.layout.lines.text
        if not file or text(file, line) is None:
            return []
        numbers = range(line - LINES_AROUND, line + LINES_AROUND + 1)
        found = ((number, text(file, number)) for number in numbers)
        return [
            CodeRow("source", number, words[:TEXT_MAX], number == line)
            for number, words in found
            if words is not None
        ]

    def _instructions(self, cpu: Cpu, address: int) -> list[CodeRow]:
        rows = [
            row for row in self._listing.lines(cpu, address, frozenset()) if row.kind == "asm"
        ]
        at = next((index for index, row in enumerate(rows) if row.address >= address), 0)
        shown = rows[max(at - LINES_AROUND, 0) : at + LINES_AROUND + 1]
        return [
            CodeRow("asm", row.address, f"{row.text}  {row.note}".rstrip()[:TEXT_MAX],
                    row.address == address)
            for row in shown
        ]  # fmt: skip
