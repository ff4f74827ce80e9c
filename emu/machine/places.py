"""Addresses of code at which the machine looks up: milestones, and where people stop."""

from typing import TYPE_CHECKING, Final

from emu.boot.milestones import MILESTONES, NamedPoint
from emu.hw.cpu import Cpu
from emu.machine.event import Milestone

if TYPE_CHECKING:
    from emu.machine.machine import Machine

KERNEL_ENTRY: Final = "kernel_start"
"""The milestone at which RSI holds boot_params (Linux 64-bit boot protocol)."""


class Places:
    """Which linear addresses are looked at, and what happens there."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.milestones = {
            address: milestone
            for milestone in MILESTONES
            for address in machine.layout.symbols.find(milestone.symbol)
        }
        self.vectors: frozenset[int] = frozenset()
        """Where wake-ups lead."""
        self.stops: dict[int, frozenset[int] | None] = {}
        """Breakpoints of the user: the CPUs each is for, None for all."""
        self.silent: set[int] = set()
        """Where the machine looks up whether or not a breakpoint of the user's is there."""
        self.refresh()

    def look_at(self, vectors: frozenset[int]) -> None:
        """These are the addresses to which CPUs were woken."""
        if vectors != self.vectors:
            self.vectors = vectors
            self.refresh()

    def __contains__(self, address: object) -> bool:
        """Whether the machine looks up there even where nobody is to stop."""
        return address in self.silent

    def refresh(self) -> None:
        """Tell the engine where to look."""
        injected = self._machine.injected.addresses
        self.silent = {*self.milestones, *self.vectors, *injected}
        self._machine.engine.breakpoints.replace({*self.silent, *self.stops})

    def stop(self, address: int, cpus: frozenset[int] | None) -> None:
        """CPUs (None: all) are to stop at an address, beside those that do already."""
        already = self.stops.get(address, frozenset())
        both = None if cpus is None or already is None else already | cpus
        self.stops[address] = both
        self._machine.engine.breakpoints.add((address,))

    def stops_at(self, cpu: Cpu, address: int) -> bool:
        """A place is passed; whether it is one where this CPU is to stop."""
        self.pass_(cpu, address)
        if address not in self.stops:
            return False
        cpus = self.stops[address]
        return cpus is None or cpu.id in cpus

    def pass_(self, cpu: Cpu, address: int) -> None:
        """A CPU is about to execute the instruction at an address, breakpoint or not."""
        cpu.skip = address
        machine, milestone = self._machine, self.milestones.get(address)
        reached = milestone is not None and cpu.milestone != milestone.symbol
        if milestone is not None and reached:
            self._reach(cpu, milestone)
        machine.injected.at_code(cpu, address)
        if address in self.vectors:
            machine.witness.at_vector(cpu)
        if reached:
            machine.witness.arrived(cpu, cpu.milestone)

    def _reach(self, cpu: Cpu, milestone: NamedPoint) -> None:
        """A CPU is at a named point of the boot."""
        machine = self._machine
        machine.beat += 1
        cpu.milestone, cpu.phase = milestone.symbol, milestone.phase
        machine.event(cpu, "milestone", f"reaches {cpu.milestone}", Milestone(cpu.milestone))
        machine.protocol.milestone(cpu.id, cpu.milestone, machine.tick, cpu.nanoseconds)
        if cpu.milestone == KERNEL_ENTRY:
            machine.boot_params = cpu.registers.get("rsi")
