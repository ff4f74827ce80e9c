"""On which stacks CPUs are, as far as is seen when they leave the guest: two that use one at
the same time, and one whose stack has grown down into another's.

A CPU uses what lies between the lowest and the highest RSP that it was seen with in one page.
One that only carries an RSP along, as many firmwares' APs do, uses nothing.
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
    grown: bool
    """It came from the page above."""


class Stacks:
    """The stack of each CPU that was seen on one."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._of: dict[int, Stack] = {}
        self._on: dict[int, frozenset[int]] = {}
        """Page -> the CPUs that were seen there last."""

    def save(self) -> dict[int, Stack]:
        """All of them, for `load`."""
        return dict(self._of)

    def load(self, saved: dict[int, Stack]) -> None:
        """Be again what `save` saw."""
        self._of, self._on = dict(saved), {}
        for cpu, stack in saved.items():
            self._on[stack.page] = self._on.get(stack.page, frozenset()) | {cpu}

    def begins(self, cpu: int) -> None:
        """A CPU begins anew: what it used before is not its any more."""
        left = self._of.pop(cpu, None)
        if left is None:
            return
        others = self._on.pop(left.page) - {cpu}
        if others:
            self._on[left.page] = others

    def look(self, cpu: Cpu) -> None:
        """A CPU has left the guest."""
        rsp, known = cpu.registers.get("rsp"), self._of.get(cpu.id)
        if known is not None and known.low <= rsp <= known.high:
            return
        self.begins(cpu.id)
        if not rsp:
            return
        page = rsp - 1 >> _PAGE_BITS
        if known is not None and known.page == page:
            low, high = min(known.low, rsp), max(known.high, rsp)
            stack = Stack(page, low, high, known.grown)
        else:
            stack = Stack(page, rsp, rsp, known is not None and known.page == page + 1)
        self._of[cpu.id] = stack
        others = self._on.get(page, frozenset())
        self._on[page] = others | {cpu.id}
        for other in sorted(others):
            self._meet(cpu, stack, other)

    def _meet(self, cpu: Cpu, mine: Stack, index: int) -> None:
        """Two CPUs were seen in one page: whether they are there still, and on one stack."""
        other, its = self._notes.lives(index), self._of[index]
        if other is None or its.low == its.high:
            return
        rsp, its_rsp = cpu.registers.get("rsp"), other.registers.get("rsp")
        virtual = self._notes.board.virtual
        if its_rsp - 1 >> _PAGE_BITS != mine.page or virtual.gpa(
            cpu.registers, rsp - 1
        ) != virtual.gpa(other.registers, rsp - 1):
            return
        grown = mine.grown and mine.low < its.high
        if grown or max(mine.low, its.low) < min(mine.high, its.high):
            what: SharedWhat = "stack-below" if grown else "stack"
            seen = Shared(*self._notes.where(cpu), what, rsp, index)
            self._notes.add(seen, what, *sorted((cpu.id, index)))
