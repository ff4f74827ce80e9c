"""Whose turn it was, one after the other, at a word that CPUs took by a locked instruction.

Behind its taking a CPU waits if it polls a place that has to do with the word: the word itself,
its own record or the one before it (of which the word has the address), a place where its
ticket's number comes up. Such a wait is ended by a CPU that came *before* and still had it: so
it is a lock. Where it is ended by one that comes *behind* it is a barrier
(`emu.profile.barriers`); and whatever else a CPU waits for while it has a lock is neither.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct

from emu.profile.asks import EXCHANGES, Ask, Poll, Store, When, granules
from emu.profile.lines import HostBytes

LockKind = Literal["test-and-set", "ticket", "queue"]
"""How CPUs wait: they try until they have it; they draw a number, and wait for it to come up;
they take a place, and wait behind that."""
LockEvidence = Literal["sure", "perhaps", ""]
NUMBERS_LEAST: Final = 2
"""CPUs that wait behind a number: one might have drawn it for something else, and wait for a
command."""
Asleep = Mapping[int, tuple[HostBytes, ...]]
"""CPU -> where it looks at the end, again and again."""


class LockTurn(Struct):
    """One ask with what has become of it."""

    ask: Ask
    asked: When
    got: When
    ended: Store | None = None
    """What ended its wait; None: it had none."""
    polled: HostBytes | None = None
    """Where it waited last."""
    seen: int = 0
    """What it found there at last."""
    evidence: LockEvidence = ""
    given: Store | None = None

    @property
    def taken(self) -> When:
        """The end of the instruction that changed the word."""
        return taken_of(self.ask)

    @property
    def cpu(self) -> int:
        """Whose turn."""
        return self.ask.cpu


class Takers:
    """All takings of one word, to ask who came before whom."""

    def __init__(self, asks: Iterable[Ask]) -> None:
        self.asks = sorted(asks, key=taken_of)
        self._of: dict[int, list[Ask]] = defaultdict(list)
        for one in self.asks:
            self._of[one.cpu].append(one)

    def ender(self, store: Store) -> Ask | None:
        """The taking of a store's CPU that it belongs to: its last one up to the store."""
        some = self._of.get(store.cpu, [])
        index = bisect_right(some, store.when, key=taken_of)
        return some[index - 1] if index else None


def taken_of(ask: Ask) -> When:
    """When it took the word."""
    assert ask.taken is not None, "who never took it has no turn"
    return ask.taken


def words(asks: Iterable[Ask]) -> Iterator[tuple[HostBytes, list[Ask]]]:
    """Takings by the word: what overlaps is one (a dword, and its upper half that is the tail
    of a queue)."""
    some = sorted((one for one in asks if one.taken is not None), key=lambda one: one.word)
    word: HostBytes | None = None
    found: list[Ask] = []
    for one in some:
        if word is not None and not word.meets(one.word):
            yield word, found
            word, found = None, []
        word = one.word if word is None else word.with_(one.word)
        found.append(one)
    if word is not None:
        yield word, found


class LockTurns(Struct):
    """What may be a lock: who has had it, in order, and who still waits."""

    had: list[LockTurn]
    waiting: list[LockTurn]
    unseen: int = 0
    """Turns before those, of which it was not seen how they ended: nobody else had touched the
    line up to then."""


def turns_of(word: HostBytes, takers: Takers, asleep: Asleep) -> LockTurns:
    """All turns at a word in the order of their beginnings."""
    turns = sorted((_turn(one, takers) for one in takers.asks), key=lambda one: one.got)
    ways = _ways(word, turns)
    for turn in turns:
        turn.given = _given(turn, ways)
    latest = {one.cpu: one for one in turns}
    free = takers.asks[0].found
    waiting = [one for one in latest.values() if _still_waits(one, ways, free, asleep)]
    left = {id(one) for one in waiting}
    turns = _without_attempts([one for one in turns if id(one) not in left])
    for turn, after in pairwise(turns):
        by = after.ended
        if by is not None and by.cpu == turn.cpu and by.when > turn.got:
            turn.given = by
    before = _unseen(turns)
    return LockTurns(turns[before:], waiting, before)


def _still_waits(turn: LockTurn, ways: "_Ways", free: int, asleep: Asleep) -> bool:
    """Whether a CPU still waits where its way to the word has led it."""
    ask = turn.ask
    if turn.given is not None or turn.polled is not None or turn.cpu not in asleep:
        return False
    behind = ask.found != free
    return any(
        place.meets(at)
        and (place.meets(ways.word) or _waits_at(ask, place, poll, ways, behind))
        for (_, place), poll in ask.polls.items()
        for at in asleep[turn.cpu]
    )


def _waits_at(ask: Ask, place: HostBytes, poll: Poll, ways: "_Ways", behind: bool) -> bool:
    """Whether a place without the word is one where its turn comes up."""
    return ways.waits_at(place) if ask.mnemonic == "xadd" else behind and poll.prepared


def _unseen(turns: Sequence[LockTurn]) -> int:
    first = next((at for at, one in enumerate(turns) if one.ended is not None), 0)
    ends = (at for at in range(first - 1, 0, -1) if turns[at - 1].given is None)
    return next(ends, 0)


def is_lock(word: HostBytes, turns: LockTurns) -> bool:
    """Whether somebody waits, no two have it at one time, and whoever waits behind its taking
    comes to its turn in the order of takings."""
    had = turns.had
    polling = [one for one in had if one.polled is not None]
    if not any(one.ended for one in had) or not _excludes(had):
        return False
    if not polling:
        return True
    if any(one.taken > other.taken for one, other in pairwise(had)):
        return False
    if had[0].ask.mnemonic == "xadd":
        many = len(polling) + len(turns.waiting) >= NUMBERS_LEAST
        return many or any(map(_counts_on, polling))
    # Whoever waits for a command behind a locked instruction gives nothing back.
    sure = all(one.evidence == "sure" for one in polling)
    return sure or bool(turns.waiting) or any(one.given is not None for one in polling)


def _counts_on(turn: LockTurn) -> bool:
    """Whether a CPU has given back by counting on from its own number."""
    given, mask = turn.given, (1 << 8 * turn.ask.word.size) - 1
    if turn.evidence != "sure" or given is None:
        return False
    low = (1 << 8 * given.place.size) - 1 & mask
    return given.value & low == turn.seen + 1 & low


def kind_of_lock(turns: Sequence[LockTurn]) -> LockKind:
    """By how they wait."""
    if all(one.polled is None for one in turns):
        return "test-and-set"
    return "ticket" if any(one.ask.mnemonic == "xadd" for one in turns) else "queue"


def _turn(ask: Ask, takers: Takers) -> LockTurn:
    """When a CPU had the lock, and what let it have it."""
    turn = LockTurn(ask, ask.asked, taken_of(ask), ask.passed_by)
    some = [
        (_evidence(ask, place, poll), place, poll)
        for (_, place), poll in ask.polls.items()
        if poll.ended_by is not None
    ]
    sure = any(evidence == "sure" for evidence, _, _ in some)
    for evidence, place, poll in some:
        if not evidence or (sure and evidence != "sure") or poll.ended_by is None:
            continue
        if poll.last > turn.got and _hands_over(takers.ender(poll.ended_by), ask):
            turn.got, turn.ended, turn.polled = poll.last, poll.ended_by, place
            turn.seen, turn.evidence = poll.seen, evidence
    return turn


def _hands_over(before: Ask | None, ask: Ask) -> bool:
    """Whether who ends a wait came before, and had not yet given the word back then."""
    if before is None or before.cpu == ask.cpu or taken_of(before) >= taken_of(ask):
        return False
    return not any(
        place.meets(before.word) and store.when < taken_of(ask)
        for place, store in before.stores.items()
    )


def _evidence(ask: Ask, place: HostBytes, poll: Poll) -> LockEvidence:
    """How sure it is that who looks there waits for its turn."""
    if ask.mnemonic == "xadd":
        return "sure" if _is_number(ask, place, poll) else "perhaps"
    if place.meets(ask.word):
        return "perhaps"
    if ask.mnemonic not in EXCHANGES:
        return ""
    records = [one for one in (ask.record, ask.before) if one is not None]
    if records:
        return "sure" if any(place.meets(one) for one in records) else ""
    return "perhaps" if poll.prepared else ""


def _is_number(ask: Ask, place: HostBytes, poll: Poll) -> bool:
    """Whether what a wait has found at last is the number that its CPU had drawn; of a word
    that has both, the half that it had not drawn from."""
    if not place.meets(ask.word):
        return ask.found & (1 << 8 * place.size) - 1 == poll.seen
    halves = range(8, 8 * ask.taken_place.size, 8)
    masks = ((at, (1 << min(at, 8 * place.size)) - 1) for at in halves)
    return any(ask.found >> at & mask == poll.seen & mask for at, mask in masks)


class _Ways(Struct):
    """How a word may be given back: by a store to it, or to where others wait."""

    word: HostBytes
    places: dict[int, set[HostBytes]]
    """By granule."""
    offsets: set[tuple[int, int]]
    """(byte, size) in the record before them at which CPUs wait (CLH)."""
    values: set[int]
    """What lets those go who wait at such a place; none where it is their number."""

    def let_go(self, ask: Ask, store: Store) -> bool:
        """Whether a store may be how a CPU has given the word back."""
        if store.place.meets(self.word):
            return True
        if self.values and store.value not in self.values:
            return False
        record = ask.record
        return self.waits_at(store.place) or (
            record is not None
            and any(
                store.place.meets(HostBytes(record.hpa + at, size)) for at, size in self.offsets
            )
        )

    def waits_at(self, place: HostBytes) -> bool:
        """Whether anybody waits at some of these bytes."""
        return any(
            place.meets(one)
            for granule in granules(place)
            for one in self.places.get(granule, ())
        )


def _ways(word: HostBytes, turns: Sequence[LockTurn]) -> _Ways:
    ways = _Ways(word, {}, set(), set())
    numbers = True
    for one in turns:
        place, before = one.polled, one.ask.before
        if place is None or place.meets(word):
            continue
        for granule in granules(place):
            ways.places.setdefault(granule, set()).add(place)
        ways.values.add(one.seen)
        numbers = numbers and one.ask.mnemonic == "xadd" and one.evidence == "sure"
        if before is not None and place.meets(before):
            ways.offsets.add((place.hpa - before.hpa, place.size))
    if numbers:
        ways.values.clear()
    return ways


def _given(turn: LockTurn, ways: _Ways) -> Store | None:
    """The first store behind it that gives the lock back."""
    ask = turn.ask
    behind = (store for store in ask.stores.values() if store.when > turn.got)
    good = [store for store in behind if ways.let_go(ask, store)]
    if ask.completed is not None:
        good = [one for one in good if one.place.meets(ask.word)]
        if not good and turn.polled is None:
            return ask.completed
    return min(good, key=lambda one: one.when, default=None)


def _without_attempts(turns: list[LockTurn]) -> list[LockTurn]:
    """Who takes a word back while another one has it has only tried, and asks since then."""
    found: list[LockTurn] = []
    tried: dict[int, LockTurn] = {}
    latest: LockTurn | None = None
    for turn in turns:
        before = tried.pop(turn.cpu, None)
        if before is not None:
            turn.asked = before.asked
        if _only_tries(turn, latest):
            tried[turn.cpu] = turn
            continue
        found.append(turn)
        latest = turn
    return sorted((*found, *tried.values()), key=lambda one: one.got)


def _only_tries(turn: LockTurn, latest: LockTurn | None) -> bool:
    if turn.polled is not None or turn.given is None or latest is None:
        return False
    return latest.cpu != turn.cpu and (
        latest.given is None or latest.given.when > turn.given.when
    )


def _excludes(turns: Sequence[LockTurn]) -> bool:
    """Whether no two have it at one time: each gives it back before the next has it, and waits
    are ended by those who had it."""
    return all(
        one.given is not None
        and one.given.when[0] <= other.got[0]
        and (other.ended is None or other.ended.cpu == one.cpu)
        for one, other in pairwise(turns)
    )
