"""The CPUs that a look leaves, in its order, and which of them are alike."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from emu.given.number import is_digits
from emu.judge.verdict import UNWELL
from emu.picture.sections import CpusLook, CpuSort, Kind
from emu.picture.view import CpuView
from emu.words.spans import spans

GROUP_FROM: Final = 3
"""So many CPUs that are alike are one row, if there are more CPUs than rows."""
TEXTS_MAX: Final = 8_192
"""Texts that are remembered without their numbers."""
OWN: Final = "its own"
_NUMBER: Final = re.compile(r"0x[0-9a-f]+|\b[0-9]+\b")
_FIRST: Final = (*UNWELL, "failed", "not offered")
"""What CPUs are listed first for, the worst before all others."""
_ORDERS: Final[dict[CpuSort, Callable[[CpuView], Any]]] = {
    "clock": lambda cpu: cpu.virtual_ns,
    "ticks": lambda cpu: -cpu.ticks,
    "place": lambda cpu: (not cpu.symbol, cpu.symbol, cpu.rip),
    "id": lambda cpu: cpu.id,
}


class CpuGroup(Struct, frozen=True):
    """CPUs of one kind in a row, in order of their numbers; or one CPU in a row of its own."""

    cpus: tuple[CpuView, ...]
    kind: Kind | None = None
    """None: a row of one CPU."""
    open: bool = False
    """Whether rows for each of them follow."""

    def is_of(self, cpu: int) -> bool:
        """Whether it is the row of a CPU alone."""
        return self.kind is None and self.cpus[0].id == cpu

    @property
    def ids(self) -> str:
        """`1-3, 7`."""
        return spans([cpu.id for cpu in self.cpus])

    @property
    def waits(self) -> str:
        """What all of them wait for; `its own` where each has something else there."""
        texts = list(dict.fromkeys(cpu.waits for cpu in self.cpus))
        words = _NUMBER.split(texts[0])
        columns = zip(*map(_NUMBER.findall, texts), strict=True)
        numbers = [seen[0] if len(set(seen)) == 1 else OWN for seen in columns]
        pairs = zip(words, (*numbers, ""), strict=True)
        return "".join(part for pair in pairs for part in pair)


def keeps(cpu: CpuView, words: str) -> bool:
    """Whether a CPU has all the words of a filter, large or small: numbers and ranges such as
    `3-7` name CPUs, other words are a part of its state, mode, symbol, line, milestone or wait,
    or of what became of it."""
    told = " ".join(
        (cpu.state, cpu.fate, cpu.mode, cpu.symbol, cpu.line, cpu.milestone, cpu.waits)
    ).casefold()
    return all(_named(cpu, word) or word in told for word in words.casefold().split())


def _named(cpu: CpuView, word: str) -> bool:
    first, dash, last = word.partition("-")
    if not is_digits(first) or (dash and not is_digits(last)):
        return False
    return int(first) <= cpu.id <= int(last or first)


def kept(cpus: Sequence[CpuView], look: CpusLook) -> Sequence[CpuView]:
    """The CPUs that a look leaves, in its order."""
    found = [cpu for cpu in cpus if keeps(cpu, look.filter)] if look.filter else cpus
    if look.sort == "state":
        return sorted(found, key=lambda cpu: (_rank(cpu), kind_of(cpu)[0], cpu.id))
    order = _ORDERS.get(look.sort)
    return found if order is None else sorted(found, key=order)


def kind_of(cpu: CpuView) -> Kind:
    """What a CPU is alike with others in."""
    state = cpu.state if cpu.fate == "well" else f"{cpu.fate} {cpu.state}"
    return state, cpu.symbol.partition("+")[0], _without_numbers(cpu.waits)


@lru_cache(maxsize=TEXTS_MAX)
def _without_numbers(text: str) -> str:
    return _NUMBER.sub("#", text)


def _rank(cpu: CpuView) -> int:
    """Those that are not well first."""
    if cpu.state == "shutdown":
        return 0
    word = cpu.fate if cpu.fate in _FIRST else cpu.state
    return _FIRST.index(word) if word in _FIRST else len(_FIRST)


def rows(cpus: Sequence[CpuView], look: CpusLook, focus: int, most: int) -> list[CpuGroup]:
    """A row for each CPU, if there are no more than `most` or an order is asked for; else those
    that are alike share one."""
    if len(cpus) <= most or look.sort in _ORDERS:
        return [CpuGroup((cpu,)) for cpu in cpus]
    return groups(cpus, focus, look.open)


def groups(
    cpus: Iterable[CpuView], focus: int, open: frozenset[Kind] = frozenset()
) -> list[CpuGroup]:
    """The CPUs, those that are alike together. The focused one has a row of its own. Who is not
    well comes first, then by the lowest number of each row."""
    kinds: dict[Kind, list[CpuView]] = {}
    for cpu in cpus:
        kinds.setdefault(kind_of(cpu), []).append(cpu)
    found: list[list[CpuGroup]] = []
    for kind, members in kinds.items():
        single = [CpuGroup((cpu,)) for cpu in members]
        others = tuple(cpu for cpu in members if cpu.id != focus)
        if len(others) < GROUP_FROM:
            found += [[one] for one in single]
        elif kind in open:
            found.append([CpuGroup(tuple(members), kind, True), *single])
        else:
            found.append([CpuGroup(others, kind)])
            found += [[one] for one in single if one.cpus[0].id == focus]
    found.sort(key=lambda rows: (_rank(rows[0].cpus[0]), rows[0].cpus[0].id))
    return [row for rows in found for row in rows]


def lines(cpus: Sequence[CpuView]) -> tuple[str, ...]:
    """One row for each CPU."""
    return tuple(
        f"cpu {cpu.id}  apic {cpu.apic_id}  {state_words(cpu)}  {cpu.symbol or hex(cpu.rip)}"
        f"  {cpu.line}{f'  waits for {cpu.waits}' if cpu.waits else ''}"
        for cpu in cpus
    ) or ("no CPU is like that",)


def state_words(cpu: CpuView) -> str:
    """What a CPU does, and what became of it if that is more."""
    told = cpu.fate == "well" or cpu.state in ("failed", "shutdown")
    return cpu.state if told else f"{cpu.state} ({cpu.fate})"


def next_unwell(cpus: Sequence[CpuView], focus: int) -> CpuView | None:
    """The next CPU that is not well, round the end; the one in focus if no other is; None if
    all are well."""
    some = [cpu for cpu in cpus if cpu.unwell]
    return next((cpu for cpu in some if cpu.id > focus), some[0] if some else None)
