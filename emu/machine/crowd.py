"""CPUs that wait in one loop, taken as one: what a store means for a thousand of them is found
out once, and only those whose registers make a difference are looked at singly."""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from msgspec import Struct, field

from emu.hw.address import U64
from emu.hw.cpu import Cpu
from emu.machine.lap import Lap, Loop, Needs
from emu.machine.wait import Suspicion, Wait, lap_start

_NOBODY: Final[frozenset[int]] = frozenset()


class SavedCrowd(NamedTuple):
    """What a crowd was at one moment."""

    loop: Loop
    since: dict[int, int]
    known: dict[int, Wait]


class SavedWaits(NamedTuple):
    """What all waits were at one moment."""

    crowds: tuple[SavedCrowd, ...]
    timed: dict[int, int]
    laps: dict[int, tuple[int, Lap]]
    suspicions: dict[int, Suspicion]
    loops: dict[Loop, Loop]


class Holders(Struct, eq=False):
    """What a register, masked, holds in the CPUs of a crowd: none of them changes it asleep."""

    values: dict[int, int] = field(default_factory=dict)
    members: dict[int, set[int]] = field(default_factory=dict)

    def join(self, index: int, value: int) -> None:
        """One CPU more."""
        self.values[index] = value
        self.members.setdefault(value, set()).add(index)

    def part(self, index: int) -> None:
        """One CPU less, whatever its register holds by now."""
        self.members[self.values.pop(index)].discard(index)


class Crowd(Struct, eq=False):
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

    def save(self) -> SavedCrowd:
        """A copy, for whoever puts it back."""
        return SavedCrowd(self.loop, dict(self.since), dict(self.known))

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


class Crowds(Mapping[int, Wait]):
    """Everybody who waits: by CPU, and by the loop that they are in."""

    def __init__(self, cpus: tuple[Cpu, ...]) -> None:
        self._cpus = cpus
        self._of: dict[int, Crowd] = {}
        self._by_loop: dict[int, Crowd] = {}
        """By the loop's identity: equal ones are shared by those who make them."""

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._of)

    def __contains__(self, index: object) -> bool:
        return index in self._of

    def __getitem__(self, index: int) -> Wait:
        return self._of[index].wait(index)

    def save(self) -> tuple[SavedCrowd, ...]:
        """A copy of everything, for `load`."""
        return tuple(crowd.save() for crowd in self._by_loop.values())

    def load(self, saved: tuple[SavedCrowd, ...]) -> None:
        """Be again what `save` saw."""
        self._of, self._by_loop = {}, {}
        for loop, since, known in saved:
            crowd = Crowd(self._cpus, loop, dict(since), dict(known))
            self._by_loop[id(loop)] = crowd
            self._of.update(dict.fromkeys(since, crowd))

    def all(self) -> Collection[Crowd]:
        """Every crowd."""
        return self._by_loop.values()

    def of(self, index: int) -> Crowd:
        """The crowd that a CPU waits in."""
        return self._of[index]

    def enter(self, index: int, wait: Wait) -> Crowd | None:
        """A CPU begins to wait; the crowd, if it is the first in its loop."""
        crowd = self._by_loop.get(id(wait.loop))
        new = crowd is None
        if crowd is None:
            crowd = self._by_loop[id(wait.loop)] = Crowd(self._cpus, wait.loop)
        crowd.join(index, wait)
        self._of[index] = crowd
        return crowd if new else None

    def leave(self, index: int) -> tuple[Wait, Crowd | None]:
        """A CPU waits no longer; how it did, and its crowd, if it was the last of it."""
        crowd = self._of.pop(index)
        wait = crowd.part(index)
        if crowd.since:
            return wait, None
        del self._by_loop[id(crowd.loop)]
        return wait, crowd

    def split(self, crowd: Crowd, staying: Collection[int]) -> Crowd | None:
        """Some stay in the loop and the others, who are more, are about to leave it: the crowd
        of those who stay, if there are any."""
        del self._by_loop[id(crowd.loop)]
        left = None
        for index in staying:
            left = self.enter(index, crowd.part(index)) or left
        return left

    def turn(self, crowd: Crowd, loop: Loop, moment_ps: int) -> Crowd | None:
        """A crowd that was split off its loop goes on in another one. Those who were in that
        join it; the crowd that they were."""
        crowd.move_on(loop, moment_ps)
        other = self._by_loop.get(id(loop))
        if other is not None:
            for index in other.since:
                crowd.join(index, other.wait(index))
                self._of[index] = crowd
        self._by_loop[id(loop)] = crowd
        return other
