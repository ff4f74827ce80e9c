"""The CPUs' APIC timers against their clocks: a CPU that runs takes its own between two of its
instructions, and one that sleeps is woken for it.

What is armed is the VMM's state (`emu.vmm.apic_timer`); here is nothing to be saved.
"""

from typing import TYPE_CHECKING, Final, Protocol

from emu.hw.cpu import Cpu
from emu.machine import apply
from emu.vmm import apic_timer

if TYPE_CHECKING:
    from emu.machine.machine import Machine

_ENDLESS: Final = 1 << 62


class Alarm(Protocol):
    """Something that comes due in virtual time, whatever the CPUs do."""

    def due_ps(self) -> int | None:
        """When, in picoseconds since power-on; None: never, as things stand."""

    def ring(self) -> None:
        """Every CPU that runs has come to that moment. Afterwards it is due later, or never."""


class Timers:
    """One of the alarms: it rings for CPUs that execute nothing."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine

    def _due_of(self, cpu: Cpu) -> int | None:
        """The picosecond of its clock at which a CPU's timer has come to its end."""
        machine = self._machine
        due = apic_timer.due_ns(machine.platform, machine.vmm, cpu.id)
        return None if due is None else 1000 * due

    # -- of a CPU that runs -------------------------------------------------------------------

    def most(self, cpu: Cpu) -> int:
        """How many instructions a CPU may execute before its timer comes to its end."""
        due = self._due_of(cpu)
        if due is None:
            return _ENDLESS
        return max(-(-(due - cpu.clock_ps) // cpu.ps_per_instruction), 1)

    def rang(self, cpu: Cpu) -> bool:
        """Whether it has come to its end, and what follows from that was done."""
        due = self._due_of(cpu)
        if due is None or cpu.clock_ps < due:
            return False
        machine = self._machine
        machine.beat += 1
        effects = apic_timer.rings(machine.vmm, cpu.id, cpu.nanoseconds)
        apply.carry_out(machine, cpu, effects)
        return True

    # -- of those that sleep ------------------------------------------------------------------

    def due_ps(self) -> int | None:
        """When the first CPU that sleeps is to be woken for its timer."""
        return min((moment for moment, _ in self._sleepers()), default=None)

    def ring(self) -> None:
        """Those whose moment has come run from there on; their timers ring as they go."""
        machine = self._machine
        sleepers = self._sleepers()
        first = min(moment for moment, _ in sleepers)
        for moment, cpu in sleepers:
            if moment > first:
                continue
            if cpu.activity == "waiting":
                machine.waits.wake(cpu, moment)
                continue
            cpu.clock_ps = max(cpu.clock_ps, moment)
            machine.turn(cpu, "running")
            machine.reschedule = True

    def _sleepers(self) -> list[tuple[int, Cpu]]:
        """CPUs that their timer will wake, and when. One in a loop is woken at its last lap
        before: it comes to the end of its timer in the middle of that lap, as if it had run all
        the while. Where no interrupt is let in a timer wakes nobody."""
        machine = self._machine
        found = []
        for index in machine.vmm.timers:
            cpu = machine.cpus[index]
            if cpu.activity not in ("waiting", "halted"):
                continue
            if not apic_timer.delivers(machine.vmm, index) or not apply.is_open(cpu):
                continue
            due = self._due_of(cpu)
            assert due is not None, "it is armed"
            if cpu.activity == "waiting":
                wait = machine.waits.waiting[index]
                due = wait.lap_at(due - wait.loop.lap_ps + 1)
            found.append((due, cpu))
        return found
