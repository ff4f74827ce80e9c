"""What CPUs spend while they run and while they wait, and which kind of waiting would win.

Energy is power times time. Power is relative: a CPU that runs takes 1, and of the rest there is
no public figure, so every power has a range and says so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from emu.boot.mwait import power
from emu.boot.prices import Price
from emu.machine.machine import Machine
from emu.profile.basis import Basis
from emu.profile.doings import MWAITS, CpuDoing, CpuStretch, courses, pauses_of
from emu.profile.prices import prices_for
from emu.profile.waterfall_view import StepAt
from emu.profile.ways import (
    Waiting,
    WaysOfCore,
    core_of,
    kinds_of,
    least,
    sources_of,
    taken,
    wins_words,
)  # fmt: skip

POWERS: Final[dict[CpuDoing, str]] = {
    "spinning": "power_spin", "pausing": "power_pause", "halted": "power_hlt",
    **{doing: power(depth) for depth, doing in MWAITS.items()},
}  # fmt: skip
"""Of what takes neither 1 nor nothing. The way out of MWAIT takes as much as running."""
_TAKES_ONE: Final[tuple[CpuDoing, ...]] = ("running", "leaving")
PS_PER_US: Final = 1_000_000
WHOLE: Final = "boot"
PhaseStarts = Mapping[int, Sequence[tuple[str, int]]]
"""CPU -> its phases, each with the picosecond at which it begins; what is before is `boot`."""


class EnergySpent(Struct, frozen=True):
    """What CPUs did in a phase: how long, and what that took (1: a CPU that runs for 1 us)."""

    cpu: int
    phase: str
    """The step of the waterfall that the CPU is on its way to, `behind` the last, or `boot`."""
    doing: CpuDoing
    ps: int
    energy: float


class Energy(Struct, frozen=True):
    """All CPUs from power-on until now."""

    spent: tuple[EnergySpent, ...]
    kinds: tuple[WaysOfCore, ...]
    waits: int
    """Times that somebody waited."""
    spent_waiting: float
    """What these waits take, the way out of each included, also of those that last."""
    least_waiting: float
    """The same with each in the way that takes least for its length."""
    sources: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """By what was done and by phase, and where another way to wait begins to win."""
        rows = [
            "us up to each step, and in brackets what they took: 1 is a CPU that runs for 1 us"
        ]
        for phase, doings in _by_phase(self.spent).items():
            rows.append(f"{phase}: {_doings_words(doings)}")
        rows.append(f"in all: {_doings_words(_in_all(self.spent))}")
        rows += _of_one_cpu(self.spent)
        rows.append(
            f"{self.waits:,} wait{'s' * (self.waits != 1)} took {self.spent_waiting:,.3f}, the "
            "way out of each included; in the way that takes least for its length, "
            f"{self.least_waiting:,.3f}"
        )
        for kind in self.kinds:
            of = f" on cores of type {kind.core}" if kind.core else ""
            rows.append(f"what takes least{of}: {wins_words(kind.wins)}")
        return (*rows, *(f"    {one}" for one in self.sources))


def energy(basis: Basis) -> Energy:
    """Of every CPU; the phases of an AP are its ways from step to step, named as the waterfall
    names them."""
    starts = {cpu: tuple(_ways(steps)) for cpu, steps in basis.steps}
    return energy_by(basis.machine, starts)


def _ways(steps: Sequence[StepAt]) -> Iterator[tuple[str, int]]:
    """(step that the way leads to, where it begins)."""
    for sooner, later in pairwise(steps):
        yield later.step, sooner.ns * 1000
    if steps:
        yield f"behind {steps[-1].step}", steps[-1].ns * 1000


def energy_by(machine: Machine, phases: PhaseStarts) -> Energy:
    """The same with phases as they are given."""
    spent: Counter[tuple[int, str, CpuDoing]] = Counter()
    waits: list[tuple[int, CpuStretch]] = []
    pauses = pauses_of(machine)
    for cpu, stretches in enumerate(courses(machine)):
        starts = phases.get(cpu, ())
        for one in stretches:
            for phase, ps in _split(one, starts):
                spent[cpu, phase, one.doing] += ps
        waits += ((cpu, one) for one in stretches if one.doing in POWERS)
        for ns, price_ps in pauses[cpu]:
            phase = _phase_at(starts, ns * 1000)
            spent[cpu, phase, "pausing"] += price_ps
            spent[cpu, phase, "running"] -= price_ps
    kinds, prices = kinds_of(machine), _prices(machine)
    return Energy(
        tuple(_spent(prices, *key, ps) for key, ps in spent.items() if ps),
        tuple(kinds.values()), len(waits),
        sum(taken(_way(kinds[core_of(machine, cpu)], one), one.ps) for cpu, one in waits),
        sum(least(kinds[core_of(machine, cpu)], one.ps) for cpu, one in waits),
        sources_of(machine),
    )  # fmt: skip


def _way(kind: WaysOfCore, one: CpuStretch) -> Waiting:
    """The way in which a CPU waited."""
    name = "HLT" if one.doing == "halted" else one.doing
    return next(way for way in kind.ways if way.name == name)


def _prices(machine: Machine) -> dict[int, dict[str, Price]]:
    """By CPU; those of one type of cores share theirs."""
    by_core: dict[str, dict[str, Price]] = {}
    found = {}
    for cpu in machine.board.cpus:
        core = core_of(machine, cpu.id)
        if core not in by_core:
            by_core[core] = prices_for(machine.board.platform, cpu.id)
        found[cpu.id] = by_core[core]
    return found


def _spent(
    prices: Mapping[int, Mapping[str, Price]], cpu: int, phase: str, doing: CpuDoing, ps: int
) -> EnergySpent:
    return EnergySpent(cpu, phase, doing, ps, _energy(prices[cpu], doing, ps))


def _energy(prices: Mapping[str, Price], doing: CpuDoing, ps: int) -> float:
    """Power times time: 1 is a CPU that runs for 1 us."""
    each = prices[POWERS[doing]].value if doing in POWERS else float(doing in _TAKES_ONE)
    return each * ps / PS_PER_US


def _split(one: CpuStretch, starts: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """(phase, picoseconds) of a stretch."""
    edges = [(WHOLE, 0), *starts, ("", one.to_ps)]
    for (phase, begin), (_, end) in pairwise(edges):
        ps = min(end, one.to_ps) - max(begin, one.from_ps)
        if ps > 0:
            yield phase, ps


def _phase_at(starts: Sequence[tuple[str, int]], ps: int) -> str:
    return next((phase for phase, begin in reversed(starts) if begin <= ps), WHOLE)


def _doings_words(doings: Mapping[CpuDoing, tuple[int, float]]) -> str:
    return ", ".join(
        f"{doing} {ps / PS_PER_US:,.3f} us ({energy:,.3f})"
        for doing, (ps, energy) in doings.items()
    )


def _in_all(spent: Sequence[EnergySpent]) -> dict[CpuDoing, tuple[int, float]]:
    found: dict[CpuDoing, tuple[int, float]] = {}
    for one in spent:
        ps, energy = found.get(one.doing, (0, 0.0))
        found[one.doing] = ps + one.ps, energy + one.energy
    return found


def _of_one_cpu(spent: Sequence[EnergySpent]) -> Iterator[str]:
    """Who took least and most."""
    sums: dict[int, float] = defaultdict(float)
    for one in spent:
        sums[one.cpu] += one.energy
    if len(sums) > 1:
        (low, least_of), (high, most_of) = (
            choose((energy, cpu) for cpu, energy in sums.items()) for choose in (min, max)
        )
        yield f"of one CPU: from {low:,.3f} (cpu {least_of}) to {high:,.3f} (cpu {most_of})"


def _by_phase(spent: Sequence[EnergySpent]) -> dict[str, dict[CpuDoing, tuple[int, float]]]:
    found: dict[str, dict[CpuDoing, tuple[int, float]]] = defaultdict(dict)
    for one in spent:
        ps, energy_ = found[one.phase].get(one.doing, (0, 0.0))
        found[one.phase][one.doing] = ps + one.ps, energy_ + one.energy
    return found
