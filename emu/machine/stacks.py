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

    page: int
    low: int
    high: int


class Stacks:
    """The stack of each CPU that was seen on one."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._of: dict[int, tuple[Stack, ...]] = {}
        """By CPU: what it has used since it began, that of now first. It is a page or two."""
        self._on: dict[int, frozenset[int]] = {}
        """Page -> the CPUs that use some of it."""

    def save(self) -> dict[int, tuple[Stack, ...]]:
        """All of them, for `load`."""
        return dict(self._of)

    def load(self, saved: dict[int, tuple[Stack, ...]]) -> None:
        """Be again what `save` saw."""
        self._of, self._on = dict(saved), {}
        for cpu, used in saved.items():
            for one in used:
                self._on[one.page] = self._on.get(one.page, frozenset()) | {cpu}

    def begins(self, cpu: int) -> None:
        """A CPU begins anew: what it used before is not its any more."""
        for one in self._of.pop(cpu, ()):
            others = self._on.pop(one.page) - {cpu}
            if others:
                self._on[one.page] = others

    def users(self, address: int) -> frozenset[int] | None:
        """The CPUs that were seen to use the page of a linear address as their stack."""
        return self._on.get(address >> _PAGE_BITS)

    def look(self, cpu: Cpu) -> None:
        """A CPU has left the guest, or sleeps."""
        rsp, used = cpu.registers.get("rsp"), self._of.get(cpu.id, ())
        if used:
            _, low, high = used[0]  # by place: this is asked at every exit
            if low <= rsp <= high:
                return
        if not rsp:
            return
        page = rsp - 1 >> _PAGE_BITS
        known = next((one for one in used if one.page == page), Stack(page, rsp, rsp))
        mine = Stack(page, min(known.low, rsp), max(known.high, rsp))
        self._of[cpu.id] = (mine, *(one for one in used if one.page != page))
        others = self._on.get(page, frozenset())
        if cpu.id not in others:
            self._on[page] = others | {cpu.id}
        for other in sorted(others - {cpu.id}):
            self._meet(cpu, other)

    def _meet(self, cpu: Cpu, index: int) -> None:
        """Two CPUs were seen in one page: whether they are there still, and on one stack. A
        stack that was used in the page above has grown."""
        mine, *above = self._of[cpu.id]
        its = next(one for one in self._of[index] if one.page == mine.page)
        grown = any(one.page == mine.page + 1 for one in above) and mine.low < its.high
        met = grown or max(mine.low, its.low) < min(mine.high, its.high)
        other = self._notes.lives(index)
        if other is None or not met:
            return
        rsp, its_rsp = cpu.registers.get("rsp"), other.registers.get("rsp")
        virtual = self._notes.board.virtual
        # The same address may be another page to the other CPU's tables.
        if its_rsp - 1 >> _PAGE_BITS == mine.page and virtual.gpa(
            cpu.registers, rsp - 1
        ) == virtual.gpa(other.registers, rsp - 1):
            what: SharedWhat = "stack-below" if grown else "stack"
            seen = Shared(*self._notes.where(cpu), what, rsp, index)
            self._notes.add(seen, what, *sorted((cpu.id, index)))
