"""Steps by hand: instructions of one CPU, each as if it was the only one that somebody wanted.

Most of them meet nothing that Python would have to look at, so the engine takes as many of
those at a time as there can be; whatever an exit asks for goes the way of every exit.
"""

from typing import Protocol

from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine import exits
from emu.machine.arrivals import Arrivals
from emu.machine.board import WORK_OF_AN_ENTRY, Board
from emu.machine.cpu_witness import CpuWitness
from emu.machine.injected import Injected
from emu.machine.private_bytes import PrivateBytes
from emu.machine.timers import Timers
from emu.machine.tracked import TrackedPages
from emu.machine.waits import Waits


class Stepper(Protocol):
    """Whoever has the parts that a step reaches, and runs what is no plain step."""

    board: Board
    tracked: TrackedPages
    private: PrivateBytes
    waits: Waits
    injected: Injected
    arrivals: Arrivals
    cpu_witness: CpuWitness
    timers: Timers

    def ended(self, cpu: Cpu, until_ps: int, exit_: Exit, limit: int, tracing: bool) -> bool:
        """A stretch of at most `limit` instructions has come to an exit; True where a CPU is
        to stop."""

    def go_on(self, cpu: Cpu, until_ps: int, tick: int, beat: int) -> object:
        """Run a CPU to a moment of its clock, a tick and a beat, or a stop."""


def steps(parts: Stepper, cpu: Cpu, count: int) -> int:
    """Between 1 and `count` steps, and how many there were: up to an exit or to an address at
    which CPUs are looked at. A step is exactly one instruction, or the exception it raises;
    nothing is used that the CPU's TLB held before."""
    board = parts.board
    parts.tracked.close()
    parts.cpu_witness.slice_begins(cpu)
    board.engine.flush_tlb()
    parts.private.look(cpu.id)
    parts.waits.wake(cpu, board.now_ps(), "stepped")
    board.by_hand = True
    board.reschedule = False
    most = _undisturbed(parts, cpu, count)
    done = _plain(parts, cpu, most) if most > 0 else _finish(parts, cpu, None)
    board.by_hand = False
    return done


def _undisturbed(parts: Stepper, cpu: Cpu, count: int) -> int:
    """How many of so many instructions nothing can come between but an exit or a place."""
    board = parts.board
    if (
        board.probes
        or parts.private.hidden
        or board.vmm.vps[cpu.id].pending
        or cpu.activity != "running"
        or board.powered_off
        or board.crash
        or board.linear_rip(cpu) in board.addresses.silent
    ):
        return 0
    most = min(count, parts.injected.next_tick - board.tick)
    if cpu.id in board.vmm.timers:
        # With a timer that is due `most` says 1 as well: it rings before that instruction.
        most = min(most, parts.timers.most(cpu) - 1)
    return most


def _plain(parts: Stepper, cpu: Cpu, most: int) -> int:
    """Steps that the engine takes by itself, and the one that ends in an exit."""
    board, engine = parts.board, parts.board.engine
    board.at_work = cpu.id
    exit_ = engine.steps(cpu.registers, most, board.linear_rip(cpu))
    simple = exit_.kind is ExitKind.BUDGET or exit_.kind is ExitKind.BREAKPOINT
    whole = exit_.executed if simple else engine.whole
    board.work += whole
    cpu.skip = None
    if whole:
        board.retire(cpu, whole)
    if simple:
        return whole
    place = board.linear_rip(cpu)
    begun = exit_._replace(executed=exit_.executed - whole)
    if whole and not begun.executed and place in board.addresses.silent:
        return whole  # its fetch faults, so nobody has looked at the place: the next step does
    cpu.skip = place
    return whole + _finish(parts, cpu, begun)


def _finish(parts: Stepper, cpu: Cpu, exit_: Exit | None) -> int:
    """One step to its end, which may have come to its first exit already."""
    board, ticks = parts.board, cpu.ticks
    for _ in range(exits.EXITS_PER_INSTRUCTION):
        if exit_ is None:
            parts.arrivals.pass_(cpu, board.linear_rip(cpu))
        faults = len(board.logs.events)
        until_ps, tick = cpu.clock_ps + 1, board.tick + 1
        board.work += WORK_OF_AN_ENTRY if exit_ is not None else 0
        if exit_ is None or not parts.ended(cpu, until_ps, exit_, 1, tracing=False):
            parts.go_on(cpu, until_ps, tick, 0)
        exit_ = None
        happened = cpu.ticks != ticks or len(board.logs.events) != faults
        if happened or cpu.activity != "running":
            break
    return 1
