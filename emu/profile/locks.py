"""Locks: who held one, who waited for it, how long and for whom.

A lock is found by what CPUs do and not by its name. CPUs take one word with locked
instructions (`emu.profile.asks`); some then wait, for that word or for another; each wait is
ended by a store of the CPU that had it before; and at no moment two of them have it. So
counters and flags are none: nobody waits behind them, or more than one goes on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct

from emu.hw.address import Hpa
from emu.judge.judge import where
from emu.profile.accesses import SharedAccesses
from emu.profile.asks import Ask, Store, When
from emu.profile.basis import Basis
from emu.profile.lines import HostBytes
from emu.profile.path import PathStretch, end_of, walk
from emu.profile.told import share, us

LockKind = Literal["test-and-set", "ticket", "queue"]
"""Where waiters look: at the word that is taken, at a second one for all, each at its own."""
ORDER_SHOWN: Final = 16
WAITS_SHOWN: Final = 8


class LockHeld(Struct, frozen=True):
    """One CPU has the lock, from the end of the instruction that took it, or that saw that it
    is its turn, to the end of the store that gave it back; on its own clock."""

    cpu: int
    from_tick: int
    to_tick: int | None
    """None: it still has it."""
    from_ps: int
    to_ps: int


class WaitedFor(Struct, frozen=True):
    """A part of a wait: for which CPU, that had the lock meanwhile."""

    cpu: int
    ps: int


class LockWait(Struct, frozen=True):
    """One CPU waits, from the first instruction that asks to the one that has the lock."""

    cpu: int
    from_tick: int
    to_tick: int
    from_ps: int
    to_ps: int
    by: int
    """The CPU whose store ended it."""
    by_tick: int
    waited_for: tuple[WaitedFor, ...]
    """What is left is nobody's: the lock was on its way."""


class Lock(Struct, frozen=True):
    """One lock. `order`: who had it, one after the other."""

    gpa: int
    size: int
    name: str
    """A symbol; empty if nobody has named it."""
    kind: LockKind
    taken_at: str
    """The first instruction that takes it, with its line of source."""
    held: tuple[LockHeld, ...]
    waits: tuple[LockWait, ...]
    longest_queue: int
    """CPUs that waited at one time."""
    queue_tick: int
    """Where the last of them came."""
    critical_ps: int
    whole_ps: int
    """Of the critical path and its whole: CPUs on it wait for the lock, or have it while others
    wait."""

    @property
    def order(self) -> tuple[int, ...]:
        """Hand-over order."""
        return tuple(one.cpu for one in self.held)

    def lines(self) -> tuple[str, ...]:
        """Its figures, whom CPUs waited for most, and the hand-over order."""
        name = self.name or f"{self.gpa:#x}"
        held = sorted(one.to_ps - one.from_ps for one in self.held)
        waited = sum(one.to_ps - one.from_ps for one in self.waits)
        order = " ".join(map(str, self.order[:ORDER_SHOWN]))
        return (
            f"{self.kind} lock {name} ({self.gpa:#x}), taken at {self.taken_at}",
            f"    held {len(held):,} times, {us(sum(held))} in all, {us(held[len(held) // 2])} "
            f"the median, {us(held[-1])} the longest",
            f"    {len(self.waits):,} waits, {us(waited)} in all; at most "
            f"{self.longest_queue:,} waited, at tick {self.queue_tick:,}",
            f"    {share(self.critical_ps, self.whole_ps)} of the critical path",
            *self._for_whom(),
            f"    order: {order}" + " ..." * (len(self.held) > ORDER_SHOWN),
        )

    def _for_whom(self) -> Iterator[str]:
        total: Counter[tuple[int, int | None]] = Counter()
        for one in self.waits:
            whole = one.to_ps - one.from_ps
            for part in one.waited_for:
                total[one.cpu, part.cpu] += part.ps
                whole -= part.ps
            total[one.cpu, None] += whole
        for (cpu, holder), ps in total.most_common(WAITS_SHOWN):
            if ps:
                whom = "the hand-over" if holder is None else f"cpu {holder}"
                yield f"    cpu {cpu} waited {us(ps)} for {whom}"


class Locks(Struct, frozen=True):
    """All locks for which anybody waited, the one that cost most first."""

    locks: tuple[Lock, ...]

    def lines(self) -> tuple[str, ...]:
        """One block each."""
        return tuple(line for one in self.locks for line in one.lines()) or (
            "nobody waited for a lock",
        )


class _Turn(Struct):
    """One ask with what has become of it."""

    ask: Ask
    got: When
    ended: Store | None
    """What ended its wait; None: it had none."""
    polled: frozenset[HostBytes]
    prepared: bool
    """Whether it had itself stored last to where it waits."""
    given: Store | None = None


def locks(basis: Basis) -> Locks:
    """The locks among the words that CPUs took."""
    accesses, path = basis.accesses, tuple(walk(basis.courses, end_of(basis)))
    words: dict[HostBytes, list[Ask]] = defaultdict(list)
    for one in accesses.asks.found:
        if one.taken is not None:
            words[one.word].append(one)
    found = (_lock(accesses, path, word, some) for word, some in words.items())
    real = [one for one in found if one is not None]
    return Locks(tuple(sorted(real, key=_cost, reverse=True)))


def _cost(one: Lock) -> tuple[int, int]:
    return sum(wait.to_ps - wait.from_ps for wait in one.waits), -one.gpa


def _lock(
    accesses: SharedAccesses, path: Sequence[PathStretch], word: HostBytes, asks: list[Ask]
) -> Lock | None:
    """None for a word that is no lock, or for which nobody waited."""
    machine = accesses.machine
    takers = {one.cpu for one in asks}
    turns = sorted((_turn(one, takers) for one in asks), key=lambda one: one.got)
    if not any(one.ended for one in turns):
        return None
    family = {word}.union(*(one.polled for one in turns))
    for turn in turns:
        turn.given = _given(turn, family)
    kind = _kind(word, turns)
    # Without that whoever waits for a command behind a locked instruction were in a queue.
    own = kind != "queue" or all(one.prepared for one in turns)
    if not own or not _excludes(turns):
        return None
    now_ps = machine.board.now_ps()
    held = tuple(_held(one, now_ps) for one in turns)
    waits = tuple(_wait(one, held) for one in turns if one.ended)
    page = machine.board.ram.page_at(Hpa(word.hpa))
    gpa = word.hpa if page is None else page + word.hpa % 4096
    queue, tick = _longest(waits)
    return Lock(
        gpa, word.size, machine.board.layout.symbols.name(gpa), kind,
        where(machine, asks[0].address), held, waits, queue, tick,
        sum(_on_path(one, held, waits) for one in path),
        sum(one.end_ps - one.begin_ps for one in path),
    )  # fmt: skip


def _turn(ask: Ask, takers: set[int]) -> _Turn:
    """When a CPU had the lock, and what let it have it."""
    assert ask.taken is not None, "who never took it has no turn"
    got, ended = ask.taken, ask.passed_by
    polled, prepared = set(), True
    for (_, place), poll in ask.polls.items():
        if poll.ended_by is not None and poll.ended_by.cpu in takers:
            polled.add(place)
            prepared = prepared and poll.prepared
            if poll.last > got:
                got, ended = poll.last, poll.ended_by
    return _Turn(ask, got, ended, frozenset(polled), prepared)


def _given(turn: _Turn, family: set[HostBytes]) -> Store | None:
    """The first store behind it that gives the lock back."""
    good = [
        store
        for place, store in turn.ask.stores.items()
        if store.when > turn.got and any(place.meets(one) for one in family)
    ]
    return min(good, key=lambda one: one.when, default=None)


def _excludes(turns: list[_Turn]) -> bool:
    """Whether no two have it at one time: each gives it back before the next has it, and waits
    are ended by those who had it."""
    if any(
        one.given is None or one.given.when[0] > other.got[0] for one, other in pairwise(turns)
    ):
        return False
    return all(
        one.ended is None or before.ask.cpu == one.ended.cpu for before, one in pairwise(turns)
    )


def _held(turn: _Turn, now_ps: int) -> LockHeld:
    tick, ps = (None, now_ps) if turn.given is None else turn.given.when
    return LockHeld(turn.ask.cpu, turn.got[0], tick, turn.got[1], ps)


def _wait(turn: _Turn, held: tuple[LockHeld, ...]) -> LockWait:
    assert turn.ended is not None, "it waited"
    first, last = turn.ask.asked, turn.got
    parts: Counter[int] = Counter()
    up_to = first[1]
    for one in held:
        begin, end = max(one.from_ps, up_to), min(one.to_ps, last[1])
        if one.cpu != turn.ask.cpu and end > begin:
            parts[one.cpu] += end - begin
            up_to = end
    return LockWait(
        turn.ask.cpu, first[0], last[0], first[1], last[1], turn.ended.cpu, turn.ended.when[0],
        tuple(WaitedFor(cpu, ps) for cpu, ps in sorted(parts.items()) if ps),
    )  # fmt: skip


def _on_path(one: PathStretch, held: Sequence[LockHeld], waits: Sequence[LockWait]) -> int:
    """How much of a stretch of the path is the lock's."""
    mine = [(wait.from_ps, wait.to_ps) for wait in waits if wait.cpu == one.cpu]
    for some in held:
        if some.cpu == one.cpu:
            mine += (
                (max(some.from_ps, wait.from_ps), min(some.to_ps, wait.to_ps)) for wait in waits
            )
    at, whole = one.begin_ps, 0
    for begin, end in sorted(mine):
        begin, end = max(begin, at), min(end, one.end_ps)
        if end > begin:
            whole, at = whole + end - begin, end
    return whole


def _longest(waits: tuple[LockWait, ...]) -> tuple[int, int]:
    """(CPUs that waited at one time, the tick at which the last of them came)."""
    steps = sorted(
        (ps, change, tick)
        for one in waits
        for ps, change, tick in ((one.from_ps, 1, one.from_tick), (one.to_ps, -1, 0))
    )
    now, most = 0, (0, 0)
    for _, change, tick in steps:
        now += change
        if now > most[0]:
            most = now, tick
    return most


def _kind(word: HostBytes, turns: list[_Turn]) -> LockKind:
    """By where they look."""
    polled = [one.polled for one in turns if one.polled]
    if not polled:
        return "test-and-set"
    if turns[0].ask.mnemonic == "xadd" or all(
        one.meets(word) for some in polled for one in some
    ):
        return "ticket"
    return "queue"
