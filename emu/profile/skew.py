"""What CPUs are told of the time, side by side: how far each clock is ahead of the machine's,
what moved it (the guest by IA32_TSC_ADJUST or its TSC, or an injection), and how far apart the
clocks of all CPUs were then."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from emu.given.number import parsed
from emu.machine.board import Board
from emu.profile.basis import Basis
from emu.profile.told import SectionLines, table
from emu.vmm.clock import NS_PER_SECOND, TSC_ADJUST, tsc_at
from emu.vmm.effects import SetMsr

_INJECTED: Final = ("skew", "drift")
ROWS_MAX: Final = 24


class ClockMoved(Struct, frozen=True):
    """A CPU's clock was set to be another one."""

    tick: int
    ns: int
    cpu: int
    what: str
    """`guest`: it has written IA32_TSC_ADJUST or its TSC. Else the injection."""
    ahead_ns: int | None
    """By how much it is ahead then; None where a later injection hides it."""
    apart_ns: int | None
    """How far the clocks of all CPUs that had started are apart then."""


class ClockNow(Struct, frozen=True):
    """One CPU's clock at the moment of the profile."""

    cpu: int
    ahead_ns: int
    adjust: int
    """Its IA32_TSC_ADJUST, signed."""
    ppm: int
    """Millionths that it gains, by an injection."""
    tsc: int
    """What it would read now."""


class Skew(Struct, frozen=True):
    """All clocks."""

    clocks: tuple[ClockNow, ...]
    apart_ns: int
    moved: tuple[ClockMoved, ...]
    corrections: int
    """How often the guest has set a clock."""

    def lines(self) -> SectionLines:
        """How far they are apart, who is ahead, and what has moved them."""
        if not self.moved and not self.apart_ns:
            return ("all clocks agree, and the guest has set none",)
        rows = [
            (f"cpu {one.cpu}", f"{one.ahead_ns:+,}", f"{one.adjust:+,}", f"{one.ppm:+,}")
            for one in self.clocks
            if one.ahead_ns or one.adjust or one.ppm
        ]
        count = self.corrections
        set_ = (
            f"has set a clock {count:,} time{'s' * (count != 1)}" if count else "corrects none"
        )
        return (
            f"{self.apart_ns:,} ns apart; the guest {set_}",
            *table(("of those that are off", "ahead ns", "TSC_ADJUST", "ppm"), rows[:ROWS_MAX]),
            *self._moved(),
        )

    def _moved(self) -> Iterator[str]:
        rows = [
            (f"cpu {one.cpu}: {one.what}", f"{one.ns / 1e3:,.3f}", f"{one.tick:,}",
             _or_unknown(one.ahead_ns), _or_unknown(one.apart_ns))
            for one in self.moved[:ROWS_MAX]
        ]  # fmt: skip
        yield from table(("what moved them", "us", "tick", "ahead ns", "apart ns"), rows)
        if len(self.moved) > ROWS_MAX:
            yield f"and {len(self.moved) - ROWS_MAX:,} more: --json has them all"


def _or_unknown(ns: int | None) -> str:
    return "?" if ns is None else f"{ns:+,}"


class _Change(Struct, frozen=True):
    """A clock is set: by the guest to an adjustment, or (None) by an injection."""

    tick: int
    ns: int
    cpu: int
    what: str
    adjust: int | None


def skew(basis: Basis) -> Skew:
    """All clocks up to now."""
    board = basis.machine.board
    now_ns = board.now_ps() // 1000
    changes = sorted((*_written(board), *_injected(basis)), key=lambda one: one.tick)
    clocks = _Clocks(board, changes)
    moved = tuple(map(clocks.moved, changes))
    started = {cpu: runs[0].first for cpu, runs in basis.courses.runs.items() if runs}
    aheads = [clocks.ahead(cpu, now_ns) or 0 for cpu in started] or [0]
    return Skew(
        tuple(clocks.now(cpu, now_ns) for cpu in started), max(aheads) - min(aheads), moved,
        sum(one.what == "guest" for one in moved),
    )  # fmt: skip


def _written(board: Board) -> Iterator[_Change]:
    for tick, ns, cpu, _, _, effects in board.logs.exits.stored():
        for one in effects:
            if isinstance(one, SetMsr) and one.msr == TSC_ADJUST:
                yield _Change(tick, ns, cpu, "guest", _signed(one.value))


def _injected(basis: Basis) -> Iterator[_Change]:
    board = basis.machine.board
    for one in basis.machine.injected.fired:
        word, name, *_ = (*one.spec.split(), "", "")
        cpu = parsed(name)
        if word in _INJECTED and not one.problem and cpu is not None:
            ns = next((e.virtual_ns for e in board.logs.events if e.tick >= one.tick), 0)
            yield _Change(one.tick, ns, cpu, one.spec.partition(" at ")[0], None)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


class _Clocks:
    """The clocks while changes are carried out again."""

    def __init__(self, board: Board, changes: list[_Change]) -> None:
        self._board = board
        self._adjust: dict[int, int] = {}
        self._left = Counter(one.cpu for one in changes if one.adjust is None)
        """Injections that are still to come, by CPU."""
        self._many = {cpu for cpu, count in self._left.items() if count > 1}

    def ahead(self, cpu: int, ns: int) -> int | None:
        """By how much a clock is ahead at a moment; None where a later injection hides it."""
        left, board = self._left[cpu], self._board
        if left and cpu in self._many:
            return None
        wrong = board.vmm.clocks.get(cpu)
        off = 0 if left or wrong is None else wrong.shows(ns) - ns
        return off + self._adjust.get(cpu, 0) * NS_PER_SECOND // board.platform.tsc_hz

    def moved(self, change: _Change) -> ClockMoved:
        """Carry a change out."""
        cpu, ns = change.cpu, change.ns
        if change.adjust is None:
            self._left[cpu] -= 1
        else:
            self._adjust[cpu] = change.adjust
        every = [self.ahead(one, ns) for one in range(len(self._board.cpus))]
        known = [one for one in every if one is not None]
        apart = max(known) - min(known) if len(known) == len(every) else None
        return ClockMoved(change.tick, ns, cpu, change.what, every[cpu], apart)

    def now(self, cpu: int, ns: int) -> ClockNow:
        """A clock at the end."""
        vmm, platform = self._board.vmm, self._board.platform
        wrong = vmm.clocks.get(cpu)
        shown = ns if wrong is None else wrong.shows(ns)
        return ClockNow(
            cpu, self.ahead(cpu, ns) or 0, self._adjust.get(cpu, 0),
            0 if wrong is None else wrong.ppm, tsc_at(platform, vmm, cpu, shown),
        )  # fmt: skip
