"""Values that stop the machine when they change."""

from dataclasses import dataclass, field

from emu.debug import search
from emu.debug.place import Place, RegisterPlace, place
from emu.debug.view import BreakpointView
from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.machine.probe import Access, MemoryProbe, RegisterProbe


@dataclass(slots=True)
class Watchpoint:
    """One watched place, and how often it was seen to change."""

    number: int
    where: Place
    hits: int = 0

    def view(self) -> BreakpointView:
        """The watchpoint as a screen shows it, among the breakpoints."""
        if isinstance(self.where, RegisterPlace):
            return BreakpointView(self.number, self.name, 0, self.where.cpu, self.hits)
        return BreakpointView(self.number, self.name, self.where.address, None, self.hits)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"watch {self.where.name}"


@dataclass(slots=True)
class Watchpoints:
    """All watchpoints; their numbers are drawn from those of the breakpoints."""

    listed: list[Watchpoint] = field(default_factory=list)
    temporary: list[Watchpoint] = field(default_factory=list)
    """Those of the command that is being carried out."""
    _probes: list[tuple[Watchpoint, MemoryProbe | RegisterProbe]] = field(default_factory=list)

    def add(self, number: int, machine: Machine, focus: Cpu, text: str) -> Watchpoint:
        """Watch a place; raises CommandError where there is none of that name."""
        found = Watchpoint(number, place(machine, focus, text))
        self.listed.append(found)
        return found

    def until(self, machine: Machine, focus: Cpu, text: str) -> None:
        """Stop at the next change of a place, for the command that is being carried out."""
        self.temporary.append(Watchpoint(0, place(machine, focus, text)))

    def delete(self, number: int) -> None:
        """Remove one; raises CommandError for an unknown number."""
        kept = [watch for watch in self.listed if watch.number != number]
        if len(kept) == len(self.listed):
            raise CommandError(f"delete: there is no breakpoint {number}")
        self.listed = kept

    @property
    def all(self) -> list[Watchpoint]:
        """Those that people set and those of the command."""
        return [*self.listed, *self.temporary]

    def look(self, machine: Machine) -> None:
        """Begin to look at every watched place."""
        self._probes = [(watch, search.probe_for(watch.where)) for watch in self.all]
        machine.look_at(*(probe for _, probe in self._probes))

    def look_away(self, machine: Machine) -> None:
        """Stop looking."""
        if self._probes:
            self._probes = []
            machine.look_at()

    def changes(self) -> list[tuple[Watchpoint, Access]]:
        """What has changed since `look`, in order of time."""
        found = [
            (watch, access)
            for watch, probe in self._probes
            for access in probe.found
            if access.before != access.after
        ]
        return sorted(found, key=lambda pair: pair[1].tick)
