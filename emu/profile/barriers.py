"""Barriers: who came last, and who waited for it how long.

A barrier is a word at which CPUs arrive by a locked instruction that counts, and those that
come early wait until the last one, which arrives *behind* them, lets all of them go by one
store: the arrival itself, or one to a flag, a generation, a sense. Of a lock it is the other
way round: who ends a wait came before (`emu.profile.turns`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from emu.profile.asks import COUNTS, Ask, Poll, Store
from emu.profile.told import us
from emu.profile.turns import Takers, taken_of

WAITS_SHOWN: Final = 8
CPUS_SHOWN: Final = 16
ARRIVALS: Final = (*COUNTS, "bts", "or")
"""Who arrives is counted, or sets a bit. By an exchange two CPUs only answer each other."""


class BarrierWait(Struct, frozen=True):
    """One CPU waits, from the end of the instruction by which it arrives to that of the load
    that lets it go; on its own clock."""

    cpu: int
    from_tick: int
    to_tick: int
    from_ps: int
    to_ps: int


class BarrierRound(Struct, frozen=True):
    """All arrive once. `last` came last, at `tick` and `ps` of its clock."""

    last: int
    tick: int
    ps: int
    arrived: tuple[int, ...]
    """In order of their arrivals, the last one included. Who comes so late that it does not
    look twice has no wait."""
    waits: tuple[BarrierWait, ...]


class Barrier(Struct, frozen=True):
    """One barrier."""

    gpa: int
    size: int
    name: str
    """A symbol; empty if nobody has named it."""
    arrived_at: str
    """The first instruction that arrives, with its line of source."""
    rounds: tuple[BarrierRound, ...]
    waiting: tuple[int, ...]
    """CPUs that have arrived since the last round."""

    def lines(self) -> tuple[str, ...]:
        """Who came last, and whom CPUs waited for most."""
        waits = [
            (one.to_ps - one.from_ps, one, all_) for all_ in self.rounds for one in all_.waits
        ]
        most, wait, round_ = max(waits, key=lambda one: one[0])
        last = Counter(one.last for one in self.rounds)
        told = ", ".join(
            f"cpu {cpu} ({count:,})" for cpu, count in last.most_common(WAITS_SHOWN)
        )
        return (
            f"barrier {self.name or f'{self.gpa:#x}'} ({self.gpa:#x}), arrived at "
            f"{self.arrived_at}",
            f"    {_many(self.rounds, 'round')}; last came {told}",
            f"    {_many(waits, 'wait')}, {us(self.waited_ps())} in all, the longest "
            f"{us(most)}, cpu {wait.cpu} for cpu {round_.last}, from tick {wait.from_tick:,}",
            *self._for_whom(),
            *((still_waiting(self.waiting),) if self.waiting else ()),
        )

    def waited_ps(self) -> int:
        """All waits together."""
        return sum(one.to_ps - one.from_ps for all_ in self.rounds for one in all_.waits)

    def _for_whom(self) -> Iterator[str]:
        total: Counter[tuple[int, int]] = Counter()
        for round_ in self.rounds:
            for one in round_.waits:
                total[one.cpu, round_.last] += one.to_ps - one.from_ps
        for (cpu, last), ps in total.most_common(WAITS_SHOWN):
            yield f"    cpu {cpu} waited {us(ps)} for cpu {last}"


def _many(some: Sequence[object], what: str) -> str:
    return f"{len(some):,} {what}" + "s" * (len(some) != 1)


def still_waiting(cpus: Sequence[int]) -> str:
    """A line for those who wait at the end."""
    some = ", ".join(map(str, cpus[:CPUS_SHOWN])) + ", ..." * (len(cpus) > CPUS_SHOWN)
    return f"    still waiting: cpu {some}"


class _Late(Struct):
    """A wait that was ended by one that arrived later."""

    ask: Ask
    poll: Poll
    by: Store
    last: Ask


def rounds_of(takers: Takers) -> tuple[tuple[BarrierRound, ...], tuple[int, ...]]:
    """(the rounds of a barrier, who has arrived since); no round where it is none."""
    if any(one.mnemonic not in ARRIVALS for one in takers.asks):
        return (), ()
    late = [found for one in takers.asks if (found := _late(one, takers)) is not None]
    by_last: dict[int, list[_Late]] = defaultdict(list)
    for one in late:
        by_last[id(one.last)].append(one)
    some = sorted(by_last.values(), key=lambda one: taken_of(one[0].last))
    arrivals = [_arrivals(takers, before, one) for before, one in pairwise([None, *some])]
    if not all(map(_is_round, arrivals, some)):
        return (), ()
    rounds = tuple(map(_round, arrivals, some))
    end = taken_of(some[-1][0].last) if some else (0, 0)
    return rounds, tuple(one.cpu for one in takers.asks if taken_of(one) > end)


def _late(ask: Ask, takers: Takers) -> _Late | None:
    """The first wait behind an arrival, if it was ended so."""
    found: list[_Late] = []
    for poll in ask.polls.values():
        enders = [one for one in (poll.ended_by, poll.joined_by) if one is not None]
        if not enders:
            continue
        by = max(enders, key=lambda one: one.when)
        last = takers.ender(by)
        if last is not None and last.cpu != ask.cpu and taken_of(last) > taken_of(ask):
            found.append(_Late(ask, poll, by, last))
    return min(found, key=lambda one: one.poll.first, default=None)


def _arrivals(
    takers: Takers, before: Sequence[_Late] | None, waits: Sequence[_Late] | None
) -> list[Ask]:
    """All that came since the round before, up to the last."""
    assert waits is not None, "there is a round"
    since = (0, 0) if before is None else taken_of(before[0].last)
    return [one for one in takers.asks if since < taken_of(one) <= taken_of(waits[0].last)]


def _is_round(arrivals: Sequence[Ask], waits: Sequence[_Late]) -> bool:
    """Whether each came once, all waits were of these, and one store ended all."""
    last = waits[0].last
    cpus, here = {one.cpu for one in arrivals}, {id(one) for one in arrivals}
    return (
        len(cpus) == len(arrivals)
        and all(id(one.ask) in here for one in waits)
        and all(one.by == waits[0].by and one.ask is not last for one in waits)
    )


def _round(arrivals: Sequence[Ask], waits: Sequence[_Late]) -> BarrierRound:
    tick, ps = taken_of(waits[0].last)
    return BarrierRound(
        waits[0].last.cpu, tick, ps, tuple(one.cpu for one in arrivals),
        tuple(_wait(one) for one in waits),
    )  # fmt: skip


def _wait(one: _Late) -> BarrierWait:
    begin, end = taken_of(one.ask), one.poll.last
    return BarrierWait(one.ask.cpu, begin[0], end[0], begin[1], end[1])
