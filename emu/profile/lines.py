"""Cache lines as a MESI protocol moves them between CPUs.

Each CPU has a cache without end, so a line leaves it only for another CPU's sake; a line that
nobody has comes from memory. A CPU that sleeps in a loop that only looks loads what it looks at
again in its first lap behind a store; loops that store (an exchange that finds a lock taken)
take the line lap by lap from each other. Source of the states: SDM 3A, 12.4, table 12-4.
"""

from typing import Final, NamedTuple

from msgspec import Struct, field

from emu.boot.topology import Distance
from emu.machine.machine import Machine
from emu.machine.wait import lap_start
from emu.machine.wait_group import WaitGroup
from emu.profile.prices import distance

LINE_BITS: Final = 6
LINE_BYTES: Final = 1 << LINE_BITS
_FAR: Final[tuple[Distance, ...]] = ("smt", "cluster", "socket", "across")
"""Nearest first."""


class User(Struct):
    """What one CPU did to a line."""

    loads: int = 0
    """A bit for each byte."""
    stores: int = 0
    load_at: int = 0
    store_at: int = 0
    """Linear addresses of the first instructions that did; 0: none did."""

    def note(self, mask: int, address: int, stores: bool) -> None:
        """One more access."""
        if stores:
            self.stores |= mask
            self.store_at = self.store_at or address
        else:
            self.loads |= mask
            self.load_at = self.load_at or address


class Line(Struct):
    """A line that more than one CPU touches. `owner` has it alone (M if dirty, else E); if none
    does, those of `sharers` have it (S)."""

    owner: int | None
    dirty: bool
    sharers: int
    """A bit for each CPU that has it."""
    users: dict[int, User]
    stored_ps: int = 0
    """The last store, on its CPU's clock."""
    spun_ps: int = 0
    """Up to when laps that store have been counted."""
    invalidations: int = 0
    upgrades: int = 0
    spun: int = 0
    """Transfers by CPUs that only waited."""
    moved: dict[Distance, int] = field(default_factory=dict)
    """Transfers, by how far."""

    @property
    def transfers(self) -> int:
        """How often it went from one CPU to another."""
        return sum(self.moved.values())


class Alone(NamedTuple):
    """A line that one CPU has touched so far."""

    cpu: int
    user: User


class Lines:
    """All lines, as they are touched."""

    def __init__(self, machine: Machine) -> None:
        self._waits, self._platform = machine.waits, machine.board.platform
        self._alone: dict[int, Alone] = {}
        self.shared: dict[int, Line] = {}
        self._looked: dict[int, tuple[WaitGroup, object, frozenset[int], frozenset[int]]] = {}
        self._near: dict[int, tuple[tuple[Distance, int], ...]] = {}

    def touch(self, cpu: int, address: int, hpa: int, size: int, stores: bool, ps: int) -> bool:
        """An access within one line; whether others have touched that line."""
        number = hpa >> LINE_BITS
        mask = (1 << size) - 1 << hpa % LINE_BYTES
        line = self.shared.get(number)
        if line is None:
            alone = self._alone.get(number)
            if alone is None:
                alone = self._alone[number] = Alone(cpu, User())
            if alone.cpu == cpu:
                alone.user.note(mask, address, stores)
                return False
            line = self.shared[number] = self._begin(number, alone)
        user = line.users.get(cpu)
        if user is None:
            user = line.users[cpu] = User()
        user.note(mask, address, stores)
        if stores:
            self._settle(number, line, cpu, ps)
            self._store(line, cpu, ps)
        elif not line.sharers >> cpu & 1:
            self._settle(number, line, cpu, ps)
            self._load(line, cpu)
        return True

    def finish(self, now_ps: int) -> None:
        """What CPUs that still wait have done up to now."""
        for number, line in self.shared.items():
            self._settle(number, line, None, now_ps)

    def _begin(self, number: int, alone: Alone) -> Line:
        del self._alone[number]
        cpu, user = alone
        return Line(cpu, bool(user.stores), 1 << cpu, {cpu: user})

    def _load(self, line: Line, cpu: int) -> None:
        """CPU does not have it."""
        self._move(line, cpu)
        line.owner, line.dirty = None, False
        line.sharers |= 1 << cpu

    def _store(self, line: Line, cpu: int, ps: int) -> None:
        if line.owner != cpu:
            others = line.sharers & ~(1 << cpu)
            if line.sharers >> cpu & 1:
                line.upgrades += 1
            else:
                self._move(line, cpu)
            line.invalidations += others.bit_count()
            line.owner, line.sharers = cpu, 1 << cpu
        line.dirty, line.stored_ps = True, ps

    def _move(self, line: Line, cpu: int) -> None:
        """It goes to a CPU from the nearest that has it."""
        near = self._near.get(cpu)
        if near is None:
            near = self._near[cpu] = self._neighbours(cpu)
        how = next(how for how, mask in near if mask & line.sharers)
        line.moved[how] = line.moved.get(how, 0) + 1

    def _neighbours(self, cpu: int) -> tuple[tuple[Distance, int], ...]:
        found = dict.fromkeys(_FAR, 0)
        for other in range(self._platform.cpus):
            if other != cpu:
                found[distance(self._platform, cpu, other)] |= 1 << other
        return tuple(found.items())

    # -- those who wait ---------------------------------------------------------------------

    def _settle(self, number: int, line: Line, cpu: int | None, ps: int) -> None:
        """What sleeping CPUs did to a line up to a moment."""
        for group in self._waits.waiting.all():
            reads, stores = self._lines_of(group)
            if number in stores:
                self._spin(line, group, cpu, ps)
            elif number in reads:
                self._look(line, group, cpu, ps)

    def _look(self, line: Line, group: WaitGroup, cpu: int | None, ps: int) -> None:
        lap, sharers, stored_ps = group.loop.lap_ps, line.sharers, line.stored_ps
        for index, since_ps in group.since.items():
            if sharers >> index & 1 or index == cpu:
                continue
            if lap_start(since_ps, lap, stored_ps) < ps:
                self._load(line, index)
                line.users.setdefault(index, User())

    def _spin(self, line: Line, group: WaitGroup, cpu: int | None, ps: int) -> None:
        """Laps that store: where two CPUs do, each takes the line from the other."""
        lap, first_ps, counts = group.loop.lap_ps, line.spun_ps, dict[int, int]()
        for index, since_ps in group.since.items():
            start = lap_start(since_ps, lap, max(first_ps, since_ps))
            if index != cpu and start < ps:
                counts[index] = (ps - start - 1) // lap + 1
        line.spun_ps, before = ps, line.transfers
        for index in counts:
            line.users.setdefault(index, User())
            self._store(line, index, ps)
        laps = sum(counts.values()) - len(counts)
        if len(counts) > 1 and laps:
            how = distance(self._platform, *list(counts)[:2])
            line.moved[how] = line.moved.get(how, 0) + laps
            line.invalidations += laps
        line.spun += line.transfers - before

    def _lines_of(self, group: WaitGroup) -> tuple[frozenset[int], frozenset[int]]:
        """The lines that a loop looks at, and those that it stores to."""
        known = self._looked.get(id(group))
        if known is None or known[0] is not group or known[1] is not group.loop:
            loop = group.loop
            reads = frozenset(hpa >> LINE_BITS for hpa, _, _ in loop.reads)
            stores = frozenset(hpa >> LINE_BITS for hpa, _ in loop.stores)
            known = self._looked[id(group)] = group, loop, reads, stores
        return known[2], known[3]
