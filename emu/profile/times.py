"""Where each CPU's time went, to the picosecond: instructions, exits by kind, and what it
slept, with who woke it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from emu.hw.cpu import Activity
from emu.machine.log import Woken
from emu.profile.basis import Basis
from emu.profile.told import SectionLines
from emu.vmm.asked import Asked, Tdcall, Vmcall
from emu.vmm.asked_words import describe, name_of

CPUS_MAX: Final = 32
WAKERS_MAX: Final = 8
"""So many CPUs, and of each so many who woke it, are told as text."""


class Spent(Struct, frozen=True):
    """What one kind of exit cost a CPU, or one way of standing still."""

    what: str
    count: int
    ps: int


class Wakes(Struct, frozen=True):
    """How often a CPU went on for a reason, by whose doing (None: nobody's)."""

    why: str
    by: int | None
    count: int


class CpuTime(Struct, frozen=True):
    """One CPU from power-on until now. Its times add up to its clock."""

    cpu: int
    ticks: int
    clock_ps: int
    """Its own, or the machine's if it stands still now."""
    executed_ps: int
    exits: tuple[Spent, ...]
    still: tuple[Spent, ...]
    """Off, asleep, given no time by the host, or shut down."""
    woken: tuple[Wakes, ...]


class Times(Struct, frozen=True):
    """The times of every CPU."""

    cpus: tuple[CpuTime, ...]

    def lines(self) -> SectionLines:
        """Each CPU in three lines: its time, its exits, who woke it. Of many, all of them
        together stand before the first ones."""
        rows = [row for time in self.cpus[:CPUS_MAX] for row in _rows(f"cpu {time.cpu}", time)]
        if (more := len(self.cpus) - CPUS_MAX) > 0:
            every = _rows(f"all {len(self.cpus):,} CPUs", _together(self.cpus))
            return (*every, *rows, f"and {more:,} more CPUs: --json has them all")
        return tuple(rows)


_STANDS: Final[dict[Activity, str]] = {
    "off": "off", "wait-for-sipi": "off", "halted": "asleep", "shutdown": "shut down",
}  # fmt: skip
"""What a CPU does that has stood still since its clock, and of which no log says how long."""


class _Sums(Struct):
    """What is counted of one CPU."""

    exits: Counter[str] = field(default_factory=Counter)
    prices: Counter[str] = field(default_factory=Counter)
    stood: Counter[str] = field(default_factory=Counter)
    still: Counter[str] = field(default_factory=Counter)
    woken: Counter[tuple[str, int | None]] = field(default_factory=Counter)


def times(basis: Basis) -> Times:
    """Every CPU's, as far as the machine has come."""
    machine = basis.machine
    logs, cpus = machine.board.logs, machine.board.cpus
    sums = [_Sums() for _ in cpus]
    for index, asked, price_ps in logs.exits.prices():
        kind = kind_of(asked)
        sums[index].exits[kind] += 1
        sums[index].prices[kind] += price_ps
    for one in logs.woken:
        how = _how(one)
        sums[one.cpu].stood[how] += 1
        sums[one.cpu].still[how] += one.to_ps - one.from_ps
        sums[one.cpu].woken[one.why, one.by] += 1
    found = []
    for cpu, some in zip(cpus, sums, strict=True):
        executed = cpu.clock_ps - some.prices.total() - some.still.total()
        clock = machine.waits.clock_of(cpu)
        if cpu.activity in _STANDS:
            clock = max(clock, machine.board.now_ps())
        if clock > cpu.clock_ps:
            how = _STANDS.get(cpu.activity, "asleep")
            some.stood[how] += 1
            some.still[how] += clock - cpu.clock_ps
        found.append(CpuTime(
            cpu.id, cpu.ticks, clock, executed, _spent(some.exits, some.prices),
            _spent(some.stood, some.still),
            tuple(Wakes(*key, count) for key, count in some.woken.most_common()),
        ))  # fmt: skip
    return Times(tuple(found))


def _spent(counts: Counter[str], ps: Counter[str]) -> tuple[Spent, ...]:
    return tuple(Spent(what, counts[what], much) for what, much in ps.most_common())


def kind_of(asked: Asked) -> str:
    """Calls are told apart by what they are for."""
    return describe(asked) if isinstance(asked, Tdcall | Vmcall) else name_of(asked)


def _how(one: Woken) -> str:
    return {"started": "off", "delayed": "delayed"}.get(one.why, "asleep")


def _together(cpus: Sequence[CpuTime]) -> CpuTime:
    """The sums of all, as if they were one."""
    sums = _Sums()
    for time in cpus:
        for one in time.exits:
            sums.exits[one.what] += one.count
            sums.prices[one.what] += one.ps
        for one in time.still:
            sums.stood[one.what] += one.count
            sums.still[one.what] += one.ps
        for wakes in time.woken:
            sums.woken[wakes.why, None] += wakes.count
    return CpuTime(
        -1, sum(one.ticks for one in cpus), sum(one.clock_ps for one in cpus),
        sum(one.executed_ps for one in cpus), _spent(sums.exits, sums.prices),
        _spent(sums.stood, sums.still),
        tuple(Wakes(*key, count) for key, count in sums.woken.most_common()),
    )  # fmt: skip


def _rows(name: str, time: CpuTime) -> Iterator[str]:
    whole = time.clock_ps
    if not (time.ticks or time.woken):
        yield f"{name}: never started"
        return
    count, price = sum(one.count for one in time.exits), sum(one.ps for one in time.exits)
    parts = [
        (time.executed_ps, f"in {time.ticks:,} instructions"),
        (price, f"in {count:,} exits"),
        *((one.ps, one.what) for one in time.still),
    ]
    shown = ", ".join(f"{100 * ps / whole:.1f} % {what}" for ps, what in parts if ps)
    yield f"{name}: {whole / 1e6:,.3f} us: {shown}"
    exits = ", ".join(
        f"{one.count:,} {one.what} {100 * one.ps / whole:.1f} %" for one in time.exits
    )
    if exits:
        yield f"    exits: {exits}"
    woken = [
        f"{one.count:,} {one.why}" + ("" if one.by is None else f" by cpu {one.by}")
        for one in time.woken[:WAKERS_MAX]
    ]
    if others := time.woken[WAKERS_MAX:]:
        woken.append(f"{sum(one.count for one in others):,} in {len(others):,} other ways")
    if woken:
        yield f"    woken: {', '.join(woken)}"
