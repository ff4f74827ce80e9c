"""Cache lines as a MESI protocol moves them between CPUs.

Accesses are taken in the order of their CPUs' clocks, for CPUs run at once though the emulator
lets each go on alone for a while; but what one CPU does to bytes behind another's doing stays
behind it.

Each CPU has a cache without end, so a line leaves it only for another CPU's sake; a line that
nobody has comes from memory. A CPU that sleeps in a loop that only looks loads what it looks at
again in its first lap behind a store; loops that store (an exchange that finds a lock taken)
take the line lap by lap from each other. Source of the states: SDM 3A, 12.4, table 12-4.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import Struct, field

from emu.boot.topology import Distance
from emu.hw.address import Hpa
from emu.machine.machine import Machine
from emu.machine.wait import lap_start
from emu.machine.wait_group import WaitGroup
from emu.mailbox.observation import Stored
from emu.profile.prices import distance

PENDING_MAX: Final = 4096
"""Accesses to one line that are kept until their turn comes."""
SEVERAL: Final = -1
"""In place of one CPU."""
LINE_BITS: Final = 6
PAGE_BITS: Final = 12
LINE_BYTES: Final = 1 << LINE_BITS
_FAR: Final[tuple[Distance, ...]] = ("smt", "cluster", "socket", "across")
"""Nearest first."""


class HostBytes(NamedTuple):
    """Bytes of host memory."""

    hpa: int
    size: int

    def meets(self, other: "HostBytes") -> bool:
        """Whether they have a byte in common."""
        return self.hpa < other.hpa + other.size and other.hpa < self.hpa + self.size

    def with_(self, other: "HostBytes") -> "HostBytes":
        """From the first byte of both to the last."""
        first = min(self.hpa, other.hpa)
        return HostBytes(first, max(self.hpa + self.size, other.hpa + other.size) - first)


class LineAccess(NamedTuple):
    """One access that waits for its turn."""

    ps: int
    cpu: int
    number: int
    """In the order in which the emulator made them."""
    owns: bool
    """It needs the line alone."""


class HowTouched(NamedTuple):
    """What an instruction does to bytes."""

    stores: bool
    owns: bool
    """It needs the line alone: a store, and the load of a locked instruction, too, which asks
    for what it is going to store to (SDM 3A, 9.1.4: the line is locked in its cache)."""
    changes: bool = True
    """A store that does not change what stands there might as well have come later or
    earlier."""


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


class CacheLine(Struct):
    """A line that more than one CPU touches. `owner` has it alone (M if dirty, else E); if none
    does, those of `sharers` have it (S)."""

    number: int
    """Of its bytes in host memory, without the lowest six bits."""
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
    loaded_ps: dict[int, tuple[int, int]] = field(default_factory=dict)
    changed_ps: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Bytes, as a mask -> when they were loaded, or changed, last, and by which CPU, or
    SEVERAL."""
    pending: list["LineAccess"] = field(default_factory=list)
    """Accesses whose turn has not come."""

    @property
    def transfers(self) -> int:
        """How often it went from one CPU to another."""
        return sum(self.moved.values())


class LoneLine(NamedTuple):
    """A line that one CPU has touched so far."""

    cpu: int
    user: User


class CacheLines:
    """All lines, as they are touched."""

    def __init__(self, machine: Machine) -> None:
        self._waits, self._board = machine.waits, machine.board
        self._platform = machine.board.platform
        self._made = 0
        """Accesses to shared lines so far."""
        self._came_to: dict[int, int] = {}
        """CPU -> when its last access to one counts as made."""
        self._alone: dict[int, LoneLine] = {}
        self.shared: dict[int, CacheLine] = {}
        self._looked: dict[int, tuple[WaitGroup, object, frozenset[int], frozenset[int]]] = {}
        self._near: dict[int, tuple[tuple[Distance, int], ...]] = {}
        self._of_mailbox: Counter[int] = Counter()
        """Acknowledgements before -> transfers of the mailbox's lines."""
        self._acked: list[int] = []
        """CPUs, in the order in which they acknowledged."""
        self._looked_at = 0

    def touch(
        self, cpu: int, address: int, place: HostBytes, ps: int, how: "HowTouched"
    ) -> bool:
        """An access within one line; whether others have touched that line."""
        hpa, size = place
        number = hpa >> LINE_BITS
        mask = (1 << size) - 1 << hpa % LINE_BYTES
        line = self.shared.get(number)
        if line is None:
            alone = self._alone.get(number)
            if alone is None:
                alone = self._alone[number] = LoneLine(cpu, User())
            if alone.cpu == cpu:
                alone.user.note(mask, address, how.stores)
                return False
            line = self.shared[number] = self._begin(number, alone)
        user = line.users.get(cpu)
        if user is None:
            user = line.users[cpu] = User()
        user.note(mask, address, how.stores)
        self._made += 1
        moment = self._moment(line, cpu, mask, how.stores and how.changes, ps)
        access = LineAccess(moment, cpu, self._made, how.owns)
        line.pending.append(access)
        if len(line.pending) >= PENDING_MAX:
            clocks = [self._board.cpus[one].clock_ps for one in self._board.running]
            self._drain(line, min(clocks, default=access.ps))
        elif self._waits.waiting and self._watched(number):
            # A store that ends a wait ends its CPU's slice, so nobody is ahead of it here.
            self._drain(line, access.ps + 1)
        return True

    def shares(self, hpa: int) -> bool:
        """Whether more than one CPU has touched a byte's line."""
        return hpa >> LINE_BITS in self.shared

    def finish(self, now_ps: int) -> None:
        """What has been left for later, and what CPUs that still wait have done up to now."""
        for line in self.shared.values():
            self._drain(line, None)
            self._settle(line, None, now_ps)

    def _moment(self, line: CacheLine, cpu: int, mask: int, changes: bool, ps: int) -> int:
        """When it counts as made: not before what its CPU did before, nor before what others
        did to the same bytes."""
        before = [line.changed_ps, line.loaded_ps] if changes else [line.changed_ps]
        found = max(ps, self._came_to.get(cpu, 0))
        for times in before:
            for bytes_, (when, whose) in times.items():
                if bytes_ & mask and whose != cpu and when >= found:
                    found = when + 1
        self._came_to[cpu] = found
        last = line.changed_ps if changes else line.loaded_ps
        when, whose = last.get(mask, (found, cpu))
        last[mask] = max(found, when), cpu if changes or whose == cpu else SEVERAL
        return found

    def _drain(self, line: CacheLine, before_ps: int | None) -> None:
        """Make the accesses before a moment, or all; where most would be left, half of them."""
        some = sorted(line.pending)
        count = len(some)
        if before_ps is not None:
            count = bisect_left(some, (before_ps,))
            if len(some) - count >= PENDING_MAX // 2:
                count = len(some) // 2
        line.pending = some[count:]
        for ps, cpu, _, owns in some[:count]:
            if owns:
                self._settle(line, cpu, ps)
                self._store(line, cpu, ps)
            elif not line.sharers >> cpu & 1:
                self._settle(line, cpu, ps)
                self._load(line, cpu)

    def _begin(self, number: int, alone: LoneLine) -> CacheLine:
        del self._alone[number]
        cpu, user = alone
        return CacheLine(number, cpu, bool(user.stores), 1 << cpu, {cpu: user})

    def _load(self, line: CacheLine, cpu: int) -> None:
        """CPU does not have it."""
        self._move(line, cpu)
        line.owner, line.dirty = None, False
        line.sharers |= 1 << cpu

    def _store(self, line: CacheLine, cpu: int, ps: int) -> None:
        if line.owner != cpu:
            others = line.sharers & ~(1 << cpu)
            if line.sharers >> cpu & 1:
                line.upgrades += 1
            else:
                self._move(line, cpu)
            line.invalidations += others.bit_count()
            line.owner, line.sharers = cpu, 1 << cpu
        line.dirty, line.stored_ps = True, ps

    def _move(self, line: CacheLine, cpu: int) -> None:
        """It goes to a CPU from the nearest that has it."""
        near = self._near.get(cpu)
        if near is None:
            near = self._near[cpu] = self._neighbours(cpu)
        how = next(how for how, mask in near if mask & line.sharers)
        self._count(line, how, 1)

    def _count(self, line: CacheLine, how: Distance, count: int) -> None:
        """Transfers; of the mailbox's lines each belongs to a wake-up, too."""
        line.moved[how] = line.moved.get(how, 0) + count
        if line.number >> PAGE_BITS - LINE_BITS == self._mailbox_page():
            self._of_mailbox[self._acks()] += count

    def _mailbox_page(self) -> int | None:
        gpa = self._board.mailbox_gpa
        hpa = None if gpa is None else self._board.npt.hpa_of(gpa)
        return None if hpa is None else hpa >> PAGE_BITS

    def _acks(self) -> int:
        """Acknowledgements so far."""
        observed = self._board.logs.observed
        while self._looked_at < len(observed):
            one = observed.at(self._looked_at)
            if isinstance(one, Stored) and one.ack is not None and one.cpu is not None:
                self._acked.append(one.cpu)
            self._looked_at += 1
        return len(self._acked)

    def of_mailbox(self) -> tuple[tuple[tuple[int, int], ...], int]:
        """((CPU, transfers of its lines up to its acknowledgement), ...), those behind the
        last."""
        last = self._acks()
        woken = tuple((cpu, self._of_mailbox[at]) for at, cpu in enumerate(self._acked))
        return woken, self._of_mailbox[last]

    def _neighbours(self, cpu: int) -> tuple[tuple[Distance, int], ...]:
        found = dict.fromkeys(_FAR, 0)
        for other in range(self._platform.cpus):
            if other != cpu:
                found[distance(self._platform, cpu, other)] |= 1 << other
        return tuple(found.items())

    # -- those who wait ---------------------------------------------------------------------

    def _watched(self, number: int) -> bool:
        """Whether somebody sleeps in a loop that touches a line."""
        groups = self._waits.pages.groups(Hpa(number << LINE_BITS))
        some = (self._lines_of(group) for group in groups)
        return any(number in reads or number in stores for reads, stores in some)

    def _settle(self, line: CacheLine, cpu: int | None, ps: int) -> None:
        """What sleeping CPUs did to a line up to a moment."""
        laps: dict[int, int] = {}
        for group in self._waits.pages.groups(Hpa(line.number << LINE_BITS)):
            reads, stores = self._lines_of(group)
            if line.number in stores:
                laps |= dict(self._laps(line, group, cpu, ps))
            elif line.number in reads:
                self._look(line, group, cpu, ps)
        if laps:
            self._spin(line, laps, ps)

    def _look(self, line: CacheLine, group: WaitGroup, cpu: int | None, ps: int) -> None:
        lap, sharers, stored_ps = group.loop.lap_ps, line.sharers, line.stored_ps
        for index, since_ps in group.since.items():
            if sharers >> index & 1 or index == cpu:
                continue
            if lap_start(since_ps, lap, stored_ps) < ps:
                self._load(line, index)
                line.users.setdefault(index, User())

    def _laps(
        self, line: CacheLine, group: WaitGroup, cpu: int | None, ps: int
    ) -> Iterator[tuple[int, int]]:
        """(CPU, laps that store since they were counted last)."""
        lap = group.loop.lap_ps
        for index, since_ps in group.since.items():
            start = lap_start(since_ps, lap, max(line.spun_ps, since_ps))
            if index != cpu and start < ps:
                yield index, (ps - start - 1) // lap + 1

    def _spin(self, line: CacheLine, laps: dict[int, int], ps: int) -> None:
        """Where two CPUs store lap by lap, each takes the line from the other."""
        before, line.spun_ps = line.transfers, ps
        for index in laps:
            line.users.setdefault(index, User())
            self._store(line, index, ps)
        more = sum(laps.values()) - len(laps)
        if len(laps) > 1 and more:
            self._count(line, distance(self._platform, *list(laps)[:2]), more)
            line.invalidations += more
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
