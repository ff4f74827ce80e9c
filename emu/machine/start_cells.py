"""Cells in memory from which a CPU takes what it begins with, and that become others' before it
has come to read them.

When a CPU is started or woken, the code that it begins with is decoded, and what it will load
from fixed places, or from its stack, is noted with its value of now; when the CPU begins to
execute there, the values are looked at again. A load in a loop waits for a change, and one
behind a lock, an exchange or a call may have a turn of its own, so these are left out.
"""

from typing import Final, NamedTuple

from emu.boot import disasm
from emu.boot.disasm import Instruction, MemoryOperand
from emu.boot.flow import Flow, flow
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.notes import Notes
from emu.mailbox.observation import CellReused

CODE_MAX: Final = 48
"""Instructions of a beginning that are looked at."""
_KEY_BYTES: Final = 64
"""Code that is the same so far is taken to be the same."""
_LOADS: Final = ("mov", "pop", "lgdt", "lidt")


CellLoad = tuple[int, MemoryOperand, Instruction]
"""Where a load is, from where it is, and how it is decoded."""


class Cell(NamedTuple):
    """A load, and what stood where it loads from."""

    at: int
    gva: int
    value: bytes


class Beginning(NamedTuple):
    """What a CPU was given to begin with, by whom and where."""

    by: int | None
    begin: int
    cells: tuple[Cell, ...]


class StartCells:
    """By CPU that has been started or woken, and has not begun."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self.waiting: dict[int, Beginning] = {}
        self._loads: dict[tuple[int, str, bytes], tuple[CellLoad, ...]] = {}
        """(where code begins, in which mode, with which bytes) -> its loads: code, and so no
        state."""

    def save(self) -> dict[int, Beginning]:
        """All of them, for `load`."""
        return dict(self.waiting)

    def load(self, saved: dict[int, Beginning]) -> None:
        """Be again what `save` saw."""
        self.waiting = dict(saved)

    def given(self, cpu: Cpu, begin: int, by: int | None) -> None:
        """A CPU is to begin at a linear address, by another CPU's doing."""
        registers, virtual = cpu.registers, self._notes.board.virtual
        self.waiting.pop(cpu.id, None)
        if registers.mode == "real":
            return  # the page of a SIPI is watched as a whole
        cells = []
        for at, operand, code in self._loads_at(registers, begin):
            gva = operand.address(registers.get, code)
            value = virtual.read(registers, gva, operand.size)
            if value is not None:
                cells.append(Cell(at, gva, value))
        if cells:
            self.waiting[cpu.id] = Beginning(by, begin, tuple(cells))

    def begins(self, cpu: Cpu) -> None:
        """A CPU is about to execute where it begins."""
        given = self.waiting.pop(cpu.id, None)
        if given is None:
            return
        virtual, registers = self._notes.board.virtual, cpu.registers
        tick, now_ns, index, _ = self._notes.where(cpu)
        for at, gva, value in given.cells:
            now = virtual.read(registers, gva, len(value))
            if now is not None and now != value:
                old, new = (int.from_bytes(one, "little") for one in (value, now))
                seen = CellReused(tick, now_ns, index, at, given.by, gva, old, new)
                self._notes.add(seen, "cell", index, gva, tick)

    def _loads_at(self, registers: Context, begin: int) -> tuple[CellLoad, ...]:
        """The loads from places that are known beforehand, of code that begins somewhere."""
        virtual, mode = self._notes.board.virtual, registers.mode

        def decode(at: int) -> Instruction | None:
            return disasm.decode(virtual.most(registers, at, INSTRUCTION_BYTES), at, mode)

        key = begin, mode, virtual.most(registers, begin, _KEY_BYTES)
        if key not in self._loads:
            found = flow(decode, (begin,), CODE_MAX)
            self._loads[key] = tuple(
                (at, operand, code)
                for at, code in sorted(found.codes.items())
                if code.mnemonic.startswith(_LOADS) and _is_first(found, at)
                for operand in code.memory
                if operand.access == "r" and _is_fixed(found, at, operand)
            )
        return self._loads[key]


def _is_first(found: Flow, at: int) -> bool:
    """Whether nothing before a load waits, or takes turns."""
    before = found.leading_to(at)
    codes = [found.codes[one] for one in before if one in found.codes]
    return at not in before and not any(
        code.kind == "call" or code.mnemonic.startswith(("lock", "xchg")) for code in codes
    )


def _is_fixed(found: Flow, at: int, operand: MemoryOperand) -> bool:
    """Whether it is known where a load is from before anything was executed."""
    if operand.index or operand.segment or operand.base not in ("", "rip", "rsp"):
        return False
    before = (found.codes[one] for one in found.leading_to(at) if one in found.codes)
    return operand.base != "rsp" or not any("rsp" in code.writes for code in before)
