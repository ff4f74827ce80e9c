"""What CPUs do around words that they take by a locked instruction, as it happens: the raw
material of `emu.profile.turns`.

A locked instruction that changes its word is a *taking*; one that stores what stands there has
failed, and is tried again. Behind a taking a CPU may *poll*: one instruction loads one place
once more. What ended a poll is the last store to that place. What the CPU then stores to lines
that others have touched may be how it gives the word back.
"""

from typing import Final, NamedTuple

from msgspec import Struct, field

from emu.hw.address import Hpa
from emu.machine.machine import Machine
from emu.profile.lines import LINE_BITS, LINE_BYTES, HostBytes

OPEN_MAX: Final = 8
"""Takings of one CPU whose end is looked for at once; of more, the newest."""
PLACES_MAX: Final = 256
"""Places that are loaded or stored to of which is remembered when."""
LOADS_MAX: Final = 16
"""Loads behind a taking among which a wait begins."""
GRANULE: Final = 4
COUNTS: Final = ("xadd", "add", "sub", "inc", "dec")
"""Nobody gives a word back with these that it took with a locked instruction."""
EXCHANGES: Final = ("xchg", "cmpxchg")
"""These may leave where a record lies."""
POINTER_LEAST: Final = 0x1000
When = tuple[int, int]
"""(tick, the CPU's clock in picoseconds) at the end of an instruction."""


class Store(NamedTuple):
    """One store."""

    cpu: int
    when: When
    place: HostBytes
    address: int
    value: int


class Poll(Struct):
    """A place that is loaded again and again by one instruction."""

    first: When
    last: When
    prepared: bool
    """The last store to it before the first load was this CPU's own."""
    seen: int = 0
    """What its last load found."""
    ended_by: Store | None = None
    """The last store to it, if another CPU's, between its first and its last load; takings
    stand apart."""
    joined_by: Store | None = None
    """The same of takings."""


class Ask(Struct):
    """One CPU's way to one word, and behind it."""

    cpu: int
    word: HostBytes
    """All bytes of it that it took or tried to."""
    address: int
    mnemonic: str
    asked: When
    taken_place: HostBytes
    found: int = 0
    """What stood there before it took it."""
    mine: int = 0
    """What it stored there last."""
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
    completed: Store | None = None
    """What it stored to the word since without making it free: so a waiter of Linux's qspinlock
    takes the byte that was given back."""
    over: bool = False
    """It has stored to its record, or where another CPU polls: so it may have let others go."""
    behind_it: bool = False
    """The same code takes another word now: what its CPU polls from here on is for that."""
    record: HostBytes | None = None
    """A line's length of memory, whose address it has left in the word."""
    before: HostBytes | None = None
    """The same of who was there before: its address stood in the word."""


class Asks:
    """Every CPU's, in the order in which they began."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._memory = machine, machine.board.memory
        self.found: list[Ask] = []
        self._open: dict[int, list[Ask]] = {}
        self._changed: dict[int, dict[HostBytes, Store]] = {}
        """By granule: the last store that has changed something, for each place in it; without
        takings."""
        self._takings: dict[int, dict[HostBytes, Store]] = {}
        """The same of takings."""
        self._stored: dict[int, int] = {}
        """By granule: the CPU that has stored there last."""
        self.fresh: set[int] = set()
        """CPUs that have taken a word just now: each of their loads may begin a wait."""
        self.kept: set[int] = set()
        """Lines of words, and of records whose addresses stood in one: each store there
        matters."""
        self._polled: dict[int, int] = {}
        """By granule: the CPU that has polled there last."""
        self._looks: dict[int, dict[tuple[int, HostBytes], tuple[When, When]]] = {}
        """By CPU, instruction and place: its first and last load."""
        self._free: dict[int, int] = {}
        """Bytes of words as they were before anybody took them."""

    def touch(
        self, when: When, cpu: int, address: int, place: HostBytes, stored: int | None,
        mnemonic: str, shared: bool,
    ) -> None:  # fmt: skip
        """An access by a locked instruction (`mnemonic`), or to a line that others touch
        (`shared`) or that holds a record, or by a CPU in `fresh`."""
        mine = self._open.setdefault(cpu, [])
        if stored is None:
            if not mnemonic:
                if not any(_has(one, place) for one in mine):
                    self._look(cpu, when, address, place)
                for one in mine:
                    self._load(one, when, address, place, shared)
            return
        after = stored & (1 << 8 * place.size) - 1
        store = Store(cpu, when, place, address, after)
        if not mnemonic:
            self._store(mine, store)
        else:
            self._locked(mine, store, mnemonic, self._value(place))

    def _changes(self, store: Store) -> HostBytes | None:
        """From the first byte that a store changes to the last."""
        size = store.place.size
        old = self._memory.read(Hpa(store.place.hpa), size)
        new = store.value.to_bytes(size, "little")
        # Of a store over the end of the last page there is less.
        others = [at for at, (one, two) in enumerate(zip(old, new, strict=False)) if one != two]
        if not others:
            return None
        return HostBytes(store.place.hpa + others[0], others[-1] - others[0] + 1)

    def _value(self, place: HostBytes) -> int:
        return int.from_bytes(self._memory.read(Hpa(place.hpa), place.size), "little")

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
        if one.taken is None or one.behind_it:
            return
        known = one.polls.get((address, place))
        if known is None:
            one.loads += 1
            if one.loads <= LOADS_MAX:
                last = self._stored.get(place.hpa // GRANULE)
                prepared = not shared if last is None else last == one.cpu
                one.polls[address, place] = Poll(when, when, prepared)
            else:
                self.fresh.discard(one.cpu)
            return
        known.last, known.seen = when, self._value(place)
        self._polled[place.hpa // GRANULE] = one.cpu
        change, taking = _last(self._changed, place), _last(self._takings, place)
        if _is_behind(change, known.ended_by, known.first, one.cpu):
            known.ended_by = change
            one.stores.clear()
        if _is_behind(taking, known.joined_by, known.first, one.cpu):
            known.joined_by = taking

    def _store(self, mine: list[Ask], store: Store, takes: bool = False) -> None:
        self._note(store, takes)
        for one in mine:
            if one.taken is None:
                continue
            one.over = one.over or self._lets_go(one, store)
            if one.mnemonic not in COUNTS and not self._frees(one, store):
                one.completed = store
            elif len(one.stores) < PLACES_MAX:
                one.stores.setdefault(store.place, store)

    def _lets_go(self, one: Ask, store: Store) -> bool:
        polled = (self._polled.get(granule, store.cpu) for granule in granules(store.place))
        own = one.record is not None and store.place.meets(one.record)
        return own or any(cpu != store.cpu for cpu in polled)

    def _frees(self, one: Ask, store: Store) -> bool:
        """Whether a store leaves the bytes of a word that it hits as if nobody had it."""
        if not store.place.meets(one.word):
            return True
        new = enumerate(store.value.to_bytes(store.place.size, "little"), store.place.hpa)
        return all(self._free.get(hpa, byte) == byte for hpa, byte in new)

    def _note(self, store: Store, takes: bool = False) -> None:
        changed = self._changes(store)
        for granule in granules(store.place):
            self._stored[granule] = store.cpu
        if changed is not None:
            stores = self._takings if takes else self._changed
            for granule in granules(changed):
                stores.setdefault(granule, {})[changed] = store

    def _locked(self, mine: list[Ask], store: Store, mnemonic: str, before: int) -> None:
        known = next((one for one in mine if one.word.meets(store.place)), None)
        if known is not None and known.taken is not None:
            if self._goes_on(known, mine, store, mnemonic, before):
                return
            mine.remove(known)
            known = None
        asked = self._asked(store.cpu, store.place, store.when)
        if known is None:
            known = Ask(
                store.cpu, store.place, store.address, mnemonic, asked, store.place
            )  # fmt: skip
            self.found.append(known)
            mine.append(known)
            del mine[:-OPEN_MAX]
        known.word = known.word.with_(store.place)
        if before == store.value:
            known.failed += 1
        else:
            self._taken(known, mine, store, mnemonic, before)

    def _goes_on(
        self, known: Ask, mine: list[Ask], store: Store, mnemonic: str, before: int
    ) -> bool:
        """Whether it is no new way to the word, but the rest of the one before."""
        if any(known.word.meets(place) for place in known.stores):
            return False  # it has given it back
        if mnemonic in COUNTS:
            if store.place == known.taken_place:
                return False
            self._store(mine, store)
            return True
        if before == store.value:
            return store.address != known.address  # it cannot give it back in this way
        if not self._frees(known, store):
            again = known.over or store.address == known.address
            if again or _at(store.place, before, known) != known.mine:
                return False
        known.mine = _at(store.place, store.value, known)
        self._store(mine, store)
        return True

    def _taken(
        self, known: Ask, mine: list[Ask], store: Store, mnemonic: str, before: int
    ) -> None:
        if known.failed or known.asked != store.when:
            known.passed_by = _last(self._changed, known.word)
        known.taken, known.mine, known.found = store.when, store.value, before
        known.address, known.mnemonic, known.taken_place = store.address, mnemonic, store.place
        for at, byte in enumerate(before.to_bytes(store.place.size, "little"), store.place.hpa):
            self._free.setdefault(at, byte)
        self.fresh.add(store.cpu)
        self._keep(store.place)
        others = [one for one in mine if one is not known]
        # Some count the number up that comes next by a locked instruction, too.
        counts = mnemonic in COUNTS and any(one.mnemonic == "xadd" for one in others)
        self._store(others, store, takes=not counts)
        for one in mine:
            one.behind_it = one.behind_it or one.address == known.address
        known.behind_it = False
        if mnemonic in EXCHANGES:
            known.record = self._record(store.cpu, store.value)
            known.before = self._record(store.cpu, before)

    def _record(self, cpu: int, value: int) -> HostBytes | None:
        """What lies where a value points to."""
        if value < POINTER_LEAST:
            return None
        board = self._machine.board
        hpa = board.virtual.hpa(board.cpus[cpu].registers, value)
        if hpa is None:
            return None
        return self._keep(HostBytes(hpa, LINE_BYTES))

    def _keep(self, place: HostBytes) -> HostBytes:
        self.kept |= {place.hpa >> LINE_BITS, place.hpa + place.size - 1 >> LINE_BITS}
        return place


def _at(place: HostBytes, value: int, ask: Ask) -> int:
    """What of a value at a place stands where an ask has taken its word."""
    own = ask.taken_place
    if own.hpa < place.hpa:
        return value << 8 * (place.hpa - own.hpa)
    return value >> 8 * (own.hpa - place.hpa) & (1 << 8 * own.size) - 1


def granules(place: HostBytes) -> range:
    """Those that a place has bytes of, by number."""
    return range(place.hpa // GRANULE, (place.hpa + place.size - 1) // GRANULE + 1)


def _last(stores: dict[int, dict[HostBytes, Store]], place: HostBytes) -> Store | None:
    """The newest of them that hits a place."""
    found: Store | None = None
    for granule in granules(place):
        for at, last in stores.get(granule, {}).items():
            if at.meets(place) and (found is None or last.when > found.when):
                found = last
    return found


def _is_behind(store: Store | None, known: Store | None, first: When, cpu: int) -> bool:
    """Whether it is another CPU's, behind a first load and what is known already."""
    since = first if known is None else known.when
    return store is not None and store.cpu != cpu and store.when[0] > since[0]


def _has(ask: Ask, place: HostBytes) -> bool:
    """Whether a CPU has taken the word at a place, and has not given it back yet."""
    return (
        ask.taken is not None
        and ask.word.meets(place)
        and not any(ask.word.meets(one) for one in ask.stores)
    )
