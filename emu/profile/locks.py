"""Locks: who held one, who waited for it, how long and for whom.

A lock is found by what CPUs do and not by its name. CPUs take one word with locked
instructions (`emu.profile.asks`); some then wait, for that word or for another; each wait is
ended by a store of the CPU that had it before; and at no moment two of them have it. So
counters and flags are none: nobody waits behind them, or more than one goes on.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, Hpa
from emu.judge.judge import where
from emu.machine.machine import Machine
from emu.profile.barriers import Barrier, rounds_of, still_waiting
from emu.profile.basis import Basis
from emu.profile.lines import HostBytes
from emu.profile.path import PathStretch, end_of, walk
from emu.profile.told import share, us
from emu.profile.turns import (
    Asleep,
    LockKind,
    LockTurn,
    LockTurns,
    Takers,
    is_lock,
    kind_of_lock,
    turns_of,
    words,
)  # fmt: skip

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
    unseen: int
    """Turns before the first wait of which it was not seen how they ended; not in `held`."""
    held: tuple[LockHeld, ...]
    waits: tuple[LockWait, ...]
    waiting: tuple[int, ...]
    """CPUs that still wait for it."""
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
        more = f"; {self.unseen:,} times before, to no known end" if self.unseen else ""
        return (
            f"{self.kind} lock {name} ({self.gpa:#x}), taken at {self.taken_at}",
            f"    held {len(held):,} times, {us(sum(held))} in all, {us(held[len(held) // 2])} "
            f"the median, {us(held[-1])} the longest{more}",
            f"    {len(self.waits):,} waits, {us(waited)} in all; at most "
            f"{self.longest_queue:,} waited, at tick {self.queue_tick:,}",
            f"    {share(self.critical_ps, self.whole_ps)} of the critical path",
            *self._for_whom(),
            f"    order: {order}" + " ..." * (len(self.held) > ORDER_SHOWN),
            *self._at_the_end(),
        )

    def _at_the_end(self) -> Iterator[str]:
        last = self.held[-1]
        if last.to_tick is None:
            yield f"    cpu {last.cpu} still has it, since tick {last.from_tick:,}"
        if self.waiting:
            yield still_waiting(self.waiting)

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
    """All locks for which anybody waited, and all barriers, those that cost most first."""

    locks: tuple[Lock, ...]
    barriers: tuple[Barrier, ...]

    def lines(self) -> tuple[str, ...]:
        """One block each."""
        rows = [line for one in self.locks for line in one.lines()]
        rows = rows or ["nobody waited for a lock"]
        return (*rows, *(line for one in self.barriers for line in one.lines()))


def locks(basis: Basis) -> Locks:
    """The locks and barriers among the words that CPUs took."""
    accesses, path = basis.accesses, tuple(walk(basis.courses, end_of(basis)))
    found: list[Lock] = []
    barriers: list[Barrier] = []
    asleep = _asleep(accesses.machine)
    for word, asks in words(accesses.asks.found):
        takers = Takers(asks)
        turns = turns_of(word, takers, asleep)
        if is_lock(word, turns):
            found.append(_lock(accesses.machine, path, word, turns, takers, asleep))
        elif not any(one.polled for one in turns.had):
            barriers += _barriers(accesses.machine, word, takers)
    return Locks(
        tuple(sorted(found, key=_cost, reverse=True)),
        tuple(sorted(barriers, key=lambda one: (-one.waited_ps(), one.gpa))),
    )


def _asleep(machine: Machine) -> Asleep:
    """Where CPUs look that wait at the end."""
    waiting = machine.waits.waiting
    return {
        cpu: tuple(HostBytes(hpa, size) for hpa, size, _ in waiting[cpu].loop.reads)
        for cpu in sorted(waiting)
    }


def _cost(one: Lock) -> tuple[int, int]:
    return sum(wait.to_ps - wait.from_ps for wait in one.waits), -one.gpa


def _lock(
    machine: Machine, path: Sequence[PathStretch], word: HostBytes, turns: LockTurns,
    takers: Takers, asleep: Asleep,
) -> Lock:  # fmt: skip
    now_ps = machine.board.now_ps()
    held = tuple(_held(one, now_ps) for one in turns.had)
    waits = tuple(_wait(one, held) for one in turns.had if one.ended)
    gpa = gpa_of(machine, word)
    queue, tick = _longest(waits, turns.waiting)
    return Lock(
        gpa, word.size, machine.board.layout.symbols.name(gpa), kind_of_lock(turns.had),
        where(machine, takers.asks[0].address), turns.unseen, held, waits,
        tuple(_still_waiting(word, turns, asleep)), queue, tick,
        sum(_on_path(one, held, waits) for one in path),
        sum(one.end_ps - one.begin_ps for one in path),
    )  # fmt: skip


def _still_waiting(word: HostBytes, turns: LockTurns, asleep: Asleep) -> Iterator[int]:
    """CPUs that wait for it at the end: behind their taking, or to take it."""
    last = turns.had[-1]
    mine = {one.cpu for one in turns.waiting}
    for cpu, places in asleep.items():
        has = cpu == last.cpu and last.given is None
        if cpu in mine or (not has and any(one.meets(word) for one in places)):
            yield cpu


def _barriers(machine: Machine, word: HostBytes, takers: Takers) -> Iterator[Barrier]:
    """The barrier that a word is, if it is one."""
    rounds, waiting = rounds_of(takers)
    if rounds:
        gpa = gpa_of(machine, word)
        name = machine.board.layout.symbols.name(gpa)
        place = where(machine, takers.asks[0].address)
        yield Barrier(gpa, word.size, name, place, rounds, waiting)


def gpa_of(machine: Machine, word: HostBytes) -> int:
    """Where the guest has it."""
    page = machine.board.ram.page_at(Hpa(word.hpa))
    return word.hpa if page is None else page + word.hpa % PAGE_BYTES


def _held(turn: LockTurn, now_ps: int) -> LockHeld:
    tick, ps = (None, now_ps) if turn.given is None else turn.given.when
    return LockHeld(turn.ask.cpu, turn.got[0], tick, turn.got[1], ps)


def _wait(turn: LockTurn, held: tuple[LockHeld, ...]) -> LockWait:
    assert turn.ended is not None, "it waited"
    first, last = turn.asked, turn.got
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


def _longest(waits: tuple[LockWait, ...], waiting: Sequence[LockTurn]) -> tuple[int, int]:
    """(CPUs that waited at one time, the tick at which the last of them came)."""
    came = [(one.from_ps, 1, one.from_tick) for one in waits]
    came += [(one.asked[1], 1, one.asked[0]) for one in waiting]
    steps = sorted((*came, *((one.to_ps, -1, 0) for one in waits)))
    now, most = 0, (0, 0)
    for _, change, tick in steps:
        now += change
        if now > most[0]:
            most = now, tick
    return most
