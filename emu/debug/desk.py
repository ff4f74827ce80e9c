"""What lies on the desk while a machine is debugged: a plain record, and nothing that acts.

Whoever works takes the desk, or better the two to five things of it that the work needs.
"""

from collections.abc import Callable

from msgspec import Struct, field

from emu.boot.disasm import Instruction, decode
from emu.debug.breakpoint import Breakpoints
from emu.debug.catch import Catches
from emu.debug.setup import Setup
from emu.debug.watching import Watching
from emu.debug.watchpoint import Watchpoints
from emu.errors import CommandError
from emu.hw.context import StillRegisters
from emu.hw.cpu import Cpu
from emu.judge.judge import Judge
from emu.judge.same_faults import SameFaults
from emu.judge.verdict import Verdict
from emu.machine.machine import Machine
from emu.picture.drawn import Drawn
from emu.picture.looks import Looks
from emu.picture.registers import still_of
from emu.picture.stop import AtStart, Stop
from emu.timeline.digest import Digest
from emu.timeline.timeline import Timeline

Goal = Callable[[], bool]
"""Carries a command some way on; whether it has reached what it was for."""
Lines = tuple[str, ...]
"""An answer, as lines of text."""


class Desk(Struct, eq=False):
    """One machine and everything that people have said about it."""

    setup: Setup
    at_power_on: Lines
    """Entries of the timeline before the first instruction, made again by a reset."""
    machine: Machine
    timeline: Timeline
    breakpoints: Breakpoints
    judge: Judge
    digest: Digest
    drawn: Drawn
    """What pictures keep from one to the next."""
    seen: StillRegisters | None
    """The registers in focus when the last command began: changes are marked against them."""
    watchpoints: Watchpoints = field(default_factory=Watchpoints)
    catches: Catches = field(default_factory=Catches)
    watching: Watching = field(default_factory=Watching)
    looks: Looks = field(default_factory=Looks)
    stop: tuple[Stop, ...] = (AtStart(0),)
    same_faults: SameFaults = field(default_factory=SameFaults)
    focus: int = 0
    verdict: Verdict | None = None
    reply: Lines = ()
    goal: Goal | None = None
    """What is being carried out."""


def power_on(setup: Setup, at_power_on: Lines = ()) -> Desk:
    """A desk with a machine before its first instruction; raises CommandError for an entry
    that cannot be."""
    machine = setup.machine()
    timeline = Timeline(machine)
    for text in at_power_on:
        timeline.enter(text)
    return Desk(
        setup, at_power_on, machine, timeline, Breakpoints(machine), Judge(machine, timeline),
        Digest(machine), Drawn(machine), still_of(machine.board.cpus[0]),
    )  # fmt: skip


def cpu_of(desk: Desk, index: int | None) -> Cpu:
    """A CPU by number, or the one in focus; CommandError where there is none."""
    wanted = desk.focus if index is None else index
    if wanted >= len(desk.machine.board.cpus):
        last = len(desk.machine.board.cpus) - 1
        raise CommandError(f"there is no cpu {wanted}: they are 0 to {last}")
    return desk.machine.board.cpus[wanted]


def focused(desk: Desk) -> Cpu:
    """The CPU in focus."""
    return desk.machine.board.cpus[desk.focus]


def started(desk: Desk) -> Cpu:
    """The CPU in focus, which has registers; CommandError where it has none yet."""
    cpu = focused(desk)
    if cpu.context is None:
        raise CommandError(f"cpu {cpu.id} has not started: it has no registers yet")
    return cpu


def instruction(machine: Machine, cpu: Cpu) -> Instruction | None:
    """The next instruction of a CPU."""
    code = machine.board.code_bytes(cpu)
    return decode(code, cpu.registers.rip, cpu.registers.coding)
