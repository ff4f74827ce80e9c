"""CPUs that wait in one loop, taken as one: what a store means for a thousand of them is found
out once, and only those whose registers make a difference are looked at singly."""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, TypeVar, overload

from msgspec import Struct, field

from emu.hw.address import U64
from emu.hw.cpu import Cpu
from emu.machine.clock_loops import Lasted
from emu.machine.lap import Lap, Loop, Needs
from emu.machine.wait import Suspicion, Wait, lap_start

_NOBODY: Final[frozenset[int]] = frozenset()
T = TypeVar("T")


class SavedGroup(NamedTuple):
    """What a group was at one moment."""

    loop: Loop
    since: dict[int, int]
    known: dict[int, Wait]


class SavedWaits(NamedTuple):
    """What all waits were at one moment."""

    groups: tuple[SavedGroup, ...]
    timed: dict[int, int]
    laps: dict[int, tuple[int, Lap]]
    suspicions: dict[int, Suspicion]
    fruitless: dict[int, int]
    loops: dict[Loop, Loop]
    lasted: Lasted


class Holders(Struct, eq=False):
    """What a register, masked, holds in the CPUs of a group: none of them changes it asleep."""

    values: dict[int, int] = field(default_factory=dict)
    members: dict[int, set[int]] = field(default_factory=dict)

    def join(self, index: int, value: int) -> None:
        """One CPU more."""
        self.values[index] = value
        self.members.setdefault(value, set()).add(index)

    def part(self, index: int) -> None:
        """One CPU less, whatever its register holds by now."""
        self.members[self.values.pop(index)].discard(index)


class WaitGroup(Struct, eq=False):
    """The CPUs that wait in one loop."""

    cpus: tuple[Cpu, ...]
    """All of the machine's."""
    loop: Loop
    since: dict[int, int] = field(default_factory=dict)
    """CPU -> its clock at the loop's head (`Wait.since_ps`)."""
    known: dict[int, Wait] = field(default_factory=dict)
    """The waits of those of whom more is known than when they came to the head."""
    indexes: dict[tuple[str, int], Holders] = field(default_factory=dict)
    """By register and mask, as far as somebody has asked."""

    def save(self) -> SavedGroup:
        """A copy, for whoever puts it back."""
        return SavedGroup(self.loop, dict(self.since), dict(self.known))

    def wait(self, index: int) -> Wait:
        """How a member waits."""
        known = self.known.get(index)
        return known if known is not None else Wait.begun(self.loop, self.since[index])

    def join(self, index: int, wait: Wait) -> None:
        """One more waits in this loop."""
        self.since[index] = wait.since_ps
        self.know(index, wait)
        for (name, mask), one in self.indexes.items():
            one.join(index, self.cpus[index].registers.get(name) & mask)

    def know(self, index: int, wait: Wait) -> None:
        """Something has become known of a member."""
        if wait.known_more:
            self.known[index] = wait
        else:
            self.known.pop(index, None)

    def part(self, index: int) -> Wait:
        """One less; how it waited."""
        wait = self.wait(index)
        del self.since[index]
        self.known.pop(index, None)
        for one in self.indexes.values():
            one.part(index)
        return wait

    def move_on(self, loop: Loop, moment_ps: int) -> None:
        """All of them go round in another loop from the lap on that begins at or after a
        moment. Nothing else is known of them."""
        lap = self.loop.lap_ps
        self.since = {
            index: lap_start(since, lap, moment_ps) for index, since in self.since.items()
        }
        self.loop, self.known = loop, {}

    def takers(self, known: Loop | Needs) -> set[int]:
        """The members that do what a CPU was found to do, by their registers."""
        mine = self.loop
        found = set(self.since)
        needs = known.uses if isinstance(known, Loop) else known
        for name, value in needs:
            # Whoever waits in a loop has the values that this loop uses.
            if (name, value) not in mine.uses:
                found &= self._holding(name, U64, value)
        for one in known.unequal if isinstance(known, Loop) else ():
            if one not in mine.unequal:
                found -= self._holding(*one)
        return found

    def _holding(self, name: str, mask: int, value: int) -> AbstractSet[int]:
        """The members whose register, masked, has a value."""
        index = self.indexes.get((name, mask))
        if index is None:
            index = self.indexes[name, mask] = Holders()
            for member in self.since:
                index.join(member, self.cpus[member].registers.get(name) & mask)
        return index.members.get(value, _NOBODY)


class WaitGroups(Mapping[int, Wait]):
    """Everybody who waits: by CPU, and by the loop that they are in."""

    def __init__(self, cpus: tuple[Cpu, ...]) -> None:
        self._cpus = cpus
        self._of: dict[int, WaitGroup] = {}
        self._by_loop: dict[int, WaitGroup] = {}
        """By the loop's identity: equal ones are shared by those who make them."""

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._of)

    def __contains__(self, index: object) -> bool:
        return index in self._of

    def __getitem__(self, index: int) -> Wait:
        return self._of[index].wait(index)

    @overload
    def get(self, index: int, /) -> Wait | None: ...
    @overload
    def get(self, index: int, /, default: Wait | T) -> Wait | T: ...
    def get(self, index: int, /, default: Wait | T | None = None) -> Wait | T | None:
        """How a CPU waits; Mapping's own way is to raise an error and to catch it."""
        group = self._of.get(index)
        return default if group is None else group.wait(index)

    def save(self) -> tuple[SavedGroup, ...]:
        """A copy of everything, for `load`."""
        return tuple(group.save() for group in self._by_loop.values())

    def load(self, saved: tuple[SavedGroup, ...]) -> None:
        """Be again what `save` saw."""
        self._of, self._by_loop = {}, {}
        for loop, since, known in saved:
            group = WaitGroup(self._cpus, loop, dict(since), dict(known))
            self._by_loop[id(loop)] = group
            self._of.update(dict.fromkeys(since, group))

    def all(self) -> Collection[WaitGroup]:
        """Every group."""
        return self._by_loop.values()

    def of(self, index: int) -> WaitGroup:
        """The group that a CPU waits in."""
        return self._of[index]

    def enter(self, index: int, wait: Wait) -> WaitGroup | None:
        """A CPU begins to wait; the group, if it is the first in its loop."""
        group = self._by_loop.get(id(wait.loop))
        new = group is None
        if group is None:
            group = self._by_loop[id(wait.loop)] = WaitGroup(self._cpus, wait.loop)
        group.join(index, wait)
        self._of[index] = group
        return group if new else None

    def leave(self, index: int) -> tuple[Wait, WaitGroup | None]:
        """A CPU waits no longer; how it did, and its group, if it was the last of it."""
        group = self._of.pop(index)
        wait = group.part(index)
        if group.since:
            return wait, None
        del self._by_loop[id(group.loop)]
        return wait, group

    def split(self, group: WaitGroup, staying: Collection[int]) -> WaitGroup | None:
        """Some stay in the loop and the others, who are more, are about to leave it: the group
        of those who stay, if there are any."""
        del self._by_loop[id(group.loop)]
        left = None
        for index in staying:
            left = self.enter(index, group.part(index)) or left
        return left

    def turn(self, group: WaitGroup, loop: Loop, moment_ps: int) -> WaitGroup | None:
        """A group that was split off its loop goes on in another one. Those who were in that
        join it; the group that they were."""
        group.move_on(loop, moment_ps)
        other = self._by_loop.get(id(loop))
        if other is not None:
            for index in other.since:
                group.join(index, other.wait(index))
                self._of[index] = group
        self._by_loop[id(loop)] = group
        return other
