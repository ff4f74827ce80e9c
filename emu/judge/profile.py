"""Where each CPU's time went, to the picosecond: instructions, exits by kind, and what it
slept, with who woke it."""

from collections import Counter

from msgspec import Struct, field

from emu.hw.cpu import Cpu
from emu.machine.log import Woken
from emu.machine.machine import Machine
from emu.vmm.asked import Asked, Tdcall, Vmcall
from emu.vmm.asked_words import describe, name_of


class CpuTime(Struct):
    """One CPU from power-on until now. Its times add up to its clock."""

    cpu: int
    ticks: int
    executed_ps: int
    exits: Counter[str] = field(default_factory=Counter)
    """Kind -> how many."""
    prices: Counter[str] = field(default_factory=Counter)
    """Kind -> picoseconds."""
    still: Counter[str] = field(default_factory=Counter)
    """How it stood still -> picoseconds."""
    woken: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    """(why, by which CPU) -> how often."""

    @property
    def whole_ps(self) -> int:
        """All of it."""
        return self.executed_ps + self.prices.total() + self.still.total()


def times(machine: Machine) -> tuple[CpuTime, ...]:
    """Every CPU's, as far as the machine has come. Where its speed was changed on the way the
    instructions are what is left."""
    found = tuple(CpuTime(cpu.id, cpu.ticks, 0) for cpu in machine.board.cpus)
    logs = machine.board.logs
    for index, asked, price_ps in logs.exits.prices():
        kind = _kind(asked)
        found[index].exits[kind] += 1
        found[index].prices[kind] += price_ps
    for one in logs.woken:
        found[one.cpu].still[_how(one)] += one.to_ps - one.from_ps
        found[one.cpu].woken[one.why, one.by] += 1
    for cpu, time in zip(machine.board.cpus, found, strict=True):
        time.executed_ps = cpu.clock_ps - time.whole_ps
        time.still["asleep"] += machine.waits.clock_of(cpu) - cpu.clock_ps
    return found


def _kind(asked: Asked) -> str:
    """Calls are told apart by what they are for."""
    return describe(asked) if isinstance(asked, Tdcall | Vmcall) else name_of(asked)


def _how(one: Woken) -> str:
    return {"started": "off", "delayed": "delayed"}.get(one.why, "asleep")


def lines(machine: Machine) -> tuple[str, ...]:
    """Each CPU in three lines: its time, its exits, who woke it."""
    rows: list[str] = []
    for cpu, time in zip(machine.board.cpus, times(machine), strict=True):
        rows += _rows(cpu, time)
    return tuple(rows)


def _rows(cpu: Cpu, time: CpuTime) -> list[str]:
    whole = time.whole_ps
    if not whole:
        return [f"cpu {cpu.id}: never started"]
    parts = [
        (time.executed_ps, f"in {time.ticks:,} instructions"),
        (time.prices.total(), f"in {time.exits.total():,} exits"),
        *((ps, how) for how, ps in time.still.most_common()),
    ]
    shown = ", ".join(f"{100 * ps / whole:.1f} % {what}" for ps, what in parts if ps)
    rows = [f"cpu {cpu.id}: {whole / 1e6:,.3f} us: {shown}"]
    exits = ", ".join(
        f"{time.exits[kind]:,} {kind} {100 * ps / whole:.1f} %"
        for kind, ps in time.prices.most_common()
    )
    woken = ", ".join(
        f"{count:,} {why}" + ("" if by is None else f" by cpu {by}")
        for (why, by), count in time.woken.most_common()
    )
    return rows + [
        f"    {what}: {text}" for what, text in (("exits", exits), ("woken", woken)) if text
    ]
