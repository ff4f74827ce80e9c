"""Places that stop the machine, as people name them."""

from dataclasses import dataclass, field

from emu.debug.language import number
from emu.debug.view import BreakpointView
from emu.errors import CommandError
from emu.machine.machine import Machine


@dataclass(slots=True)
class Breakpoint:
    """One breakpoint: every address it stands for, and the CPUs it stops."""

    number: int
    where: str
    addresses: tuple[int, ...]
    cpu: int | None
    hits: int = 0

    def view(self) -> BreakpointView:
        """The breakpoint as a screen shows it."""
        return BreakpointView(self.number, self.where, self.addresses[0], self.cpu, self.hits)

    def stops(self, address: int, cpu: int) -> bool:
        """Whether a CPU at an address is meant."""
        return address in self.addresses and self.cpu in (None, cpu)


@dataclass(slots=True)
class Breakpoints:
    """All breakpoints of a session; numbers are never used twice."""

    machine: Machine
    listed: list[Breakpoint] = field(default_factory=list)
    temporary: list[Breakpoint] = field(default_factory=list)
    """Those of the command that is being carried out; gone when it stops."""
    _next: int = 1

    def number(self) -> int:
        """A number that no breakpoint or watchpoint has had."""
        self._next += 1
        return self._next - 1

    def add(self, where: str, cpu: int | None) -> Breakpoint:
        """Set a breakpoint; raises CommandError where the place or CPU does not exist."""
        if cpu is not None and cpu >= len(self.machine.cpus):
            raise CommandError(f"break: there is no cpu {cpu}")
        addresses = resolve(self.machine, where)
        found = Breakpoint(self.number(), where, addresses, cpu)
        self.listed.append(found)
        self.apply()
        return found

    def delete(self, wanted: int) -> None:
        """Remove a breakpoint; raises CommandError for an unknown number."""
        kept = [point for point in self.listed if point.number != wanted]
        if len(kept) == len(self.listed):
            raise CommandError(f"delete: there is no breakpoint {wanted}")
        self.listed = kept
        self.apply()

    def until(self, addresses: tuple[int, ...], where: str, cpu: int | None) -> None:
        """Stop once at a place, for the command that is being carried out."""
        self.temporary.append(Breakpoint(0, where, addresses, cpu))
        self.apply()

    def forget_temporary(self) -> None:
        """The command is over."""
        if self.temporary:
            self.temporary.clear()
            self.apply()

    def apply(self) -> None:
        """Tell the machine where to stop."""
        places: dict[int, frozenset[int] | None] = {}
        for point in (*self.listed, *self.temporary):
            for address in point.addresses:
                one = None if point.cpu is None else frozenset((point.cpu,))
                both = places.get(address, frozenset())
                places[address] = None if one is None or both is None else both | one
        self.machine.user_breakpoints = places
        self.machine.refresh_breakpoints()

    def hit(self, address: int, cpu: int) -> list[Breakpoint]:
        """Those that a CPU stops at."""
        return [p for p in (*self.listed, *self.temporary) if p.stops(address, cpu)]


def resolve(machine: Machine, where: str) -> tuple[int, ...]:
    """The addresses of a symbol, `file:line` or number; raises CommandError."""
    name, plus, offset = where.partition("+")
    shift = number(offset, where) if plus else 0
    found = machine.layout.symbols.find(name)
    if found:
        return tuple(address + shift for address in found)
    file, colon, line = where.rpartition(":")
    if colon and line.isdigit():
        places = machine.layout.lines.addresses(file, int(line))
        if not places:
            raise CommandError(f"{where}: no code comes from there")
        return tuple(places)
    if not where[:1].isdigit():
        raise CommandError(f"{where}: no symbol, file:line or address of that name")
    return (number(where, "address"),)
