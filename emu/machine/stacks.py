"""On which stacks CPUs are, as far as is seen when they leave the guest: two that use one at
the same time, and one whose stack has grown down into another's.

A CPU uses what lies between the lowest and the highest RSP that it was seen with in one page.
One that only carries an RSP along, as many firmwares' APs do, uses nothing; but a stack that
has come down from the page above, and below that RSP, runs over it all the same.
"""

from typing import NamedTuple

from emu.hw.address import PAGE_BYTES
from emu.hw.cpu import Cpu
from emu.machine.notes import Notes
from emu.mailbox.observation import Shared, SharedWhat

_PAGE_BITS = PAGE_BYTES.bit_length() - 1


class Stack(NamedTuple):
    """What one CPU uses of one page of linear addresses."""

    low: int
    high: int


class SavedStacks(NamedTuple):
    """What a Stacks was at one moment."""

    used: dict[tuple[int, int], Stack]
    now: dict[int, Stack]


class Stacks:
    """The stack of each CPU that was seen on one."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._used: dict[tuple[int, int], Stack] = {}
        """(CPU, page) -> what it uses there, since it began."""
        self._now: dict[int, Stack] = {}
        """By CPU: the page that it was seen in last."""
        self._on: dict[int, frozenset[int]] = {}
        """Page -> the CPUs that use some of it."""

    def save(self) -> SavedStacks:
        """All of them, for `load`."""
        return SavedStacks(dict(self._used), dict(self._now))

    def load(self, saved: SavedStacks) -> None:
        """Be again what `save` saw."""
        self._used, self._now, self._on = dict(saved.used), dict(saved.now), {}
        for cpu, page in self._used:
            self._on[page] = self._on.get(page, frozenset()) | {cpu}

    def begins(self, cpu: int) -> None:
        """A CPU begins anew: what it used before is not its any more."""
        self._now.pop(cpu, None)
        for page in [page for one, page in self._used if one == cpu]:
            del self._used[cpu, page]
            others = self._on.pop(page) - {cpu}
            if others:
                self._on[page] = others

    def look(self, cpu: Cpu) -> None:
        """A CPU has left the guest, or sleeps."""
        rsp, now = cpu.registers.get("rsp"), self._now.get(cpu.id)
        if (now is not None and now.low <= rsp <= now.high) or not rsp:
            return
        page = rsp - 1 >> _PAGE_BITS
        known = self._used.get((cpu.id, page), Stack(rsp, rsp))
        mine = Stack(min(known.low, rsp), max(known.high, rsp))
        self._now[cpu.id] = self._used[cpu.id, page] = mine
        others = self._on.get(page, frozenset())
        if cpu.id not in others:
            self._on[page] = others | {cpu.id}
        for other in sorted(others - {cpu.id}):
            self._meet(cpu, page, mine, other)

    def _meet(self, cpu: Cpu, page: int, mine: Stack, index: int) -> None:
        """Two CPUs were seen in one page: whether they are there still, and on one stack. A
        stack that was used in the page above has grown."""
        other, its = self._notes.lives(index), self._used[index, page]
        grown = (cpu.id, page + 1) in self._used and mine.low < its.high
        met = grown or max(mine.low, its.low) < min(mine.high, its.high)
        if other is None or not met:
            return
        rsp, its_rsp = cpu.registers.get("rsp"), other.registers.get("rsp")
        virtual = self._notes.board.virtual
        # The same address may be another page to the other CPU's tables.
        if its_rsp - 1 >> _PAGE_BITS == page and virtual.gpa(
            cpu.registers, rsp - 1
        ) == virtual.gpa(other.registers, rsp - 1):
            what: SharedWhat = "stack-below" if grown else "stack"
            seen = Shared(*self._notes.where(cpu), what, rsp, index)
            self._notes.add(seen, what, *sorted((cpu.id, index)))
