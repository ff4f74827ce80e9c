"""What CPUs do around words that they take by a locked instruction, as it happens: the raw
material of `emu.profile.locks`.

A locked instruction that changes its word is a *taking*; one that stores what stands there has
failed, and is tried again. Behind a taking a CPU may *poll*: one instruction loads one place
once more. What ended a poll is the last store to that place. What the CPU then stores to lines
that others have touched may be how it gives the word back.
"""

from typing import Final, NamedTuple

from msgspec import Struct, field

from emu.hw.address import Hpa
from emu.machine.machine import Machine
from emu.profile.lines import HostBytes

OPEN_MAX: Final = 8
"""Takings of one CPU whose end is looked for at once; of more, the newest."""
PLACES_MAX: Final = 256
"""Places that are loaded or stored to of which is remembered when."""
LOADS_MAX: Final = 16
"""Loads behind a taking among which a wait begins."""
GRANULE: Final = 8
COUNTS: Final = ("xadd", "add", "sub", "inc", "dec")
"""Nobody gives a word back with these that it took with a locked instruction."""
When = tuple[int, int]
"""(tick, the CPU's clock in picoseconds) at the end of an instruction."""


class Store(NamedTuple):
    """One store."""

    cpu: int
    when: When
    place: HostBytes
    address: int


class Poll(Struct):
    """A place that is loaded again and again by one instruction."""

    first: When
    last: When
    prepared: bool
    """The last store to it before the first load was this CPU's own."""
    ended_by: Store | None = None
    """The last store to it, if another CPU's, between its first and its last load."""


class Ask(Struct):
    """One CPU's way to one word, and behind it."""

    cpu: int
    word: HostBytes
    address: int
    mnemonic: str
    asked: When
    mine: int = 0
    """What it stored to the word to take it."""
    taken: When | None = None
    failed: int = 0
    """Attempts that found it taken."""
    loads: int = 0
    """Loads behind the taking: a wait begins with one of the first."""
    passed_by: Store | None = None
    """The store behind which an attempt that had failed succeeded."""
    polls: dict[tuple[int, HostBytes], Poll] = field(default_factory=dict)
    """By the instruction and the place."""
    stores: dict[HostBytes, Store] = field(default_factory=dict)
    """The first to each place since the last load of a poll."""


class Asks:
    """Every CPU's, in the order in which they began."""

    def __init__(self, machine: Machine) -> None:
        self._memory = machine.board.memory
        self.found: list[Ask] = []
        self._open: dict[int, list[Ask]] = {}
        self._stored: dict[int, dict[HostBytes, Store]] = {}
        """By granule: the last store to each place in it."""
        self.fresh: set[int] = set()
        """CPUs that have taken a word just now: each of their loads may begin a wait."""
        self._looks: dict[int, dict[tuple[int, HostBytes], tuple[When, When]]] = {}
        """By CPU, instruction and place: its first and last load."""

    def touch(
        self, when: When, cpu: int, address: int, place: HostBytes, stored: int | None,
        mnemonic: str, shared: bool,
    ) -> None:  # fmt: skip
        """An access by a locked instruction (`mnemonic`), or to a line that others touch
        (`shared`), or by a CPU in `fresh`."""
        mine = self._open.setdefault(cpu, [])
        if stored is None:
            if not mnemonic:
                self._look(cpu, when, address, place)
                for one in mine:
                    self._load(one, when, address, place, shared)
            return
        store = Store(cpu, when, place, address)
        if not mnemonic:
            self._store(mine, store)
            return
        before = int.from_bytes(self._memory.read(Hpa(place.hpa), place.size), "little")
        after = stored & (1 << 8 * place.size) - 1
        self._locked(mine, store, mnemonic, before, after)

    def _look(self, cpu: int, when: When, address: int, place: HostBytes) -> None:
        """Perhaps it waits for the word to be free before it tries to take it."""
        looks = self._looks.setdefault(cpu, {})
        first, _ = looks.get((address, place), (when, when))
        if len(looks) >= PLACES_MAX:
            looks.clear()
        looks[address, place] = first, when

    def _asked(self, cpu: int, word: HostBytes, when: When) -> When:
        """Since when a CPU has waited that tries to take a word now."""
        looks, since = self._looks.get(cpu, {}), when
        for key in [key for key in looks if key[1].meets(word)]:
            first, last = looks.pop(key)
            if first != last:
                since = min(since, first)
        return since

    def _load(self, one: Ask, when: When, address: int, place: HostBytes, shared: bool) -> None:
        """Perhaps a poll."""
        if one.taken is None:
            return
        known = one.polls.get((address, place))
        if known is None:
            one.loads += 1
            if one.loads <= LOADS_MAX:
                last = self._last_store(place)
                prepared = not shared if last is None else last.cpu == one.cpu
                one.polls[address, place] = Poll(when, when, prepared)
            else:
                self.fresh.discard(one.cpu)
            return
        known.last = when
        last = self._last_store(place)
        since = known.first if known.ended_by is None else known.ended_by.when
        if last is not None and last.cpu != one.cpu and last.when[0] > since[0]:
            known.ended_by = last
            one.stores.clear()

    def _last_store(self, place: HostBytes) -> Store | None:
        found = None
        for granule in range(place.hpa & -GRANULE, place.hpa + place.size, GRANULE):
            for last in self._stored.get(granule, {}).values():
                if last.place.meets(place) and (found is None or last.when > found.when):
                    found = last
        return found

    def _store(self, mine: list[Ask], store: Store) -> None:
        self._note(store)
        for one in mine:
            if one.taken is not None and len(one.stores) < PLACES_MAX:
                one.stores.setdefault(store.place, store)

    def _note(self, store: Store) -> None:
        place = store.place
        for granule in range(place.hpa & -GRANULE, place.hpa + place.size, GRANULE):
            self._stored.setdefault(granule, {})[place] = store

    def _locked(
        self, mine: list[Ask], store: Store, mnemonic: str, before: int, after: int
    ) -> None:
        known = next((one for one in mine if one.word == store.place), None)
        failed = before == after
        if known is not None and known.taken is not None:
            given_back = any(known.word.meets(place) for place in known.stores)
            if not given_back and mnemonic not in COUNTS:
                if before == known.mine and not failed:
                    self._store(mine, store)  # this is how it is given back
                    return
                if failed and store.address != known.address:
                    return  # it cannot give it back in this way
            mine.remove(known)
            known = None
        asked = self._asked(store.cpu, store.place, store.when)
        if known is None:
            known = Ask(store.cpu, store.place, store.address, mnemonic, asked)
            self.found.append(known)
            mine.append(known)
            del mine[:-OPEN_MAX]
        if failed:
            known.failed += 1
            return
        if known.failed or known.asked != store.when:
            known.passed_by = self._last_store(store.place)
        known.taken, known.mine = store.when, after
        known.address = store.address
        self.fresh.add(store.cpu)
        self._note(store)
