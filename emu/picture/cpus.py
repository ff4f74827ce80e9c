"""The CPUs that a filter leaves, and which of them are alike."""

from collections.abc import Sequence

from msgspec import Struct

from emu.given.number import is_digits
from emu.picture.view import CpuView
from emu.words.spans import spans

GROUP_FROM = 3
"""So many CPUs that are alike are one row, if there are more CPUs than rows."""


class CpuGroup(Struct, frozen=True):
    """CPUs in one state, at one function, waiting for one thing; in order of their numbers."""

    cpus: tuple[CpuView, ...]

    @property
    def ids(self) -> str:
        """`1-3, 7`."""
        return spans([cpu.id for cpu in self.cpus])


def keeps(cpu: CpuView, words: str) -> bool:
    """Whether a CPU has all the words of a filter: numbers and ranges such as `3-7` name CPUs,
    other words are a part of its state, mode, symbol, line, milestone or wait."""
    told = " ".join((cpu.state, cpu.mode, cpu.symbol, cpu.line, cpu.milestone, cpu.waits))
    return all(_named(cpu, word) or word in told for word in words.split())


def _named(cpu: CpuView, word: str) -> bool:
    first, dash, last = word.partition("-")
    if not is_digits(first) or (dash and not is_digits(last)):
        return False
    return int(first) <= cpu.id <= int(last or first)


def groups(cpus: Sequence[CpuView], focus: int) -> list[CpuGroup]:
    """The CPUs, those that are alike together; the focused one always alone. In the order of
    the lowest number in each."""
    found: dict[tuple[str, str, str], list[CpuView]] = {}
    alone: list[CpuGroup] = []
    for cpu in cpus:
        if cpu.id == focus:
            alone.append(CpuGroup((cpu,)))
        else:
            found.setdefault((cpu.state, cpu.symbol.partition("+")[0], cpu.waits), []).append(
                cpu
            )
    for members in found.values():
        if len(members) >= GROUP_FROM:
            alone.append(CpuGroup(tuple(members)))
        else:
            alone += [CpuGroup((cpu,)) for cpu in members]
    return sorted(alone, key=lambda group: group.cpus[0].id)


def lines(cpus: Sequence[CpuView]) -> tuple[str, ...]:
    """One row for each CPU."""
    return tuple(
        f"cpu {cpu.id}  apic {cpu.apic_id}  {cpu.state}  {cpu.symbol or hex(cpu.rip)}"
        f"  {cpu.line}{f'  waits for {cpu.waits}' if cpu.waits else ''}"
        for cpu in cpus
    ) or ("no CPU is like that",)
