"""The CPUs' APIC timers against their clocks: a CPU that runs takes its own between two of its
instructions, and one that sleeps is woken for it.

What is armed is the VMM's state (`emu.vmm.apic_timer`); here is nothing to be saved.
"""

from typing import Final, Protocol

from emu.hw.cpu import SLEEPS, Cpu
from emu.machine.board import Board
from emu.machine.ipi import is_open, is_roused
from emu.machine.monitors import Monitors
from emu.machine.waits import Waits
from emu.vmm import apic, apic_timer
from emu.vmm.effects import Effects

_ENDLESS: Final = 1 << 62


class Alarm(Protocol):
    """Something that comes due in virtual time, whatever the CPUs do."""

    def due_ps(self, board: Board) -> int | None:
        """When, in picoseconds since power-on; None: never, as things stand."""

    def ring(self, board: Board) -> None:
        """Every CPU that runs has come to that moment. Afterwards it is due later, or never."""


class Timers:
    """One of the alarms: it rings for CPUs that execute nothing."""

    def __init__(self, board: Board, waits: Waits, monitors: Monitors) -> None:
        self._board, self._waits, self._monitors = board, waits, monitors

    def _due_of(self, cpu: Cpu) -> int | None:
        """The picosecond of its clock at which a CPU's timer has come to its end."""
        board = self._board
        due = apic_timer.due_ns(board.platform, board.vmm, cpu.id)
        return None if due is None else 1000 * due

    # -- of a CPU that runs -------------------------------------------------------------------

    def most(self, cpu: Cpu) -> int:
        """How many instructions a CPU may execute before its timer comes to its end."""
        due = self._due_of(cpu)
        if due is None:
            return _ENDLESS
        return max(-(-(due - cpu.clock_ps) // cpu.ps_per_instruction), 1)

    def rings(self, cpu: Cpu) -> Effects:
        """What follows from its having come to its end; nothing if it has not."""
        due = self._due_of(cpu)
        if due is None or cpu.clock_ps < due:
            return ()
        return apic_timer.rings(self._board.vmm, cpu.id, cpu.nanoseconds)

    # -- of those that sleep ------------------------------------------------------------------

    def due_ps(self, _: Board) -> int | None:
        """When the first CPU that sleeps is to be woken for its timer."""
        return min((moment for moment, _ in self._sleepers()), default=None)

    def ring(self, board: Board) -> None:
        """Those whose moment has come run from there on; their timers ring as they go."""
        sleepers = self._sleepers()
        first = min(moment for moment, _ in sleepers)
        for moment, cpu in sleepers:
            if moment > first:
                continue
            if cpu.activity == "waiting":
                self._waits.wake(cpu, moment, "timer")
                continue
            if cpu.activity == "mwait":
                self._monitors.wake(cpu, moment, "timer")
                continue
            board.go_on(cpu, max(cpu.clock_ps, moment), "timer")
            board.turn(cpu, "running")
            board.reschedule = True

    def _hears(self, cpu: Cpu) -> bool:
        """Whether an interrupt is let in while a CPU sleeps, or on its way round its loop."""
        if cpu.activity in SLEEPS:
            return is_roused(self._board, cpu)
        return is_open(cpu) or self._waits.waiting[cpu.id].loop.opens

    def _sleepers(self) -> list[tuple[int, Cpu]]:
        """CPUs that their timer will wake, and when. One in a loop is woken at its last lap
        before: it comes to the end of its timer in the middle of that lap, as if it had run all
        the while. Where no interrupt is let in a timer wakes nobody."""
        board = self._board
        found = []
        for index in board.vmm.timers:
            cpu = board.cpus[index]
            if cpu.activity not in ("waiting", *SLEEPS):
                continue
            vector = apic_timer.vector_of(board.vmm, index)
            if vector is None or not self._hears(cpu):
                continue
            if not apic.lets_in(board.vmm, index, vector):
                continue
            due = self._due_of(cpu)
            assert due is not None, "it is armed"
            if cpu.activity == "waiting":
                wait = self._waits.waiting[index]
                due = wait.lap_at(due - wait.loop.lap_ps + 1)
            found.append((due, cpu))
        return found
