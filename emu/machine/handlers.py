"""CPUs that take an exception and do not come back from it: they rest in its handler."""

from typing import Final, NamedTuple

from emu.hw.cpu import Cpu
from emu.machine.notes import Notes
from emu.mailbox.observation import Unreturned

_IF: Final = 1 << 9
_DEEP: Final = 0x4000
"""Bytes of stack below its frame within which a handler is taken to run."""
_WORD: Final = 8


class Taken(NamedTuple):
    """An exception whose handler runs."""

    what: str
    at: int
    """Linear address of the instruction that took it."""
    frame: int
    """Linear address of what the CPU has pushed."""
    pushed: bytes


class Handlers:
    """By CPU: the last exception that it has taken, while its frame stands."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self.taken: dict[int, Taken] = {}

    def save(self) -> dict[int, Taken]:
        """All of them, for `load`."""
        return dict(self.taken)

    def load(self, saved: dict[int, Taken]) -> None:
        """Be again what `save` saw."""
        self.taken = dict(saved)

    def entered(self, cpu: Cpu, what: str, has_error: bool) -> None:
        """A CPU is about to execute the first instruction of a handler. An error code is the
        handler's to change; what lies above it is what IRET takes (SDM 3, 6.14.2)."""
        if cpu.registers.mode != "long":
            return
        frame = cpu.registers.get("rsp") + (_WORD if has_error else 0)
        pushed = self._notes.board.virtual.read(cpu.registers, frame, 5 * _WORD)
        if pushed is not None:
            at = int.from_bytes(pushed[:_WORD], "little")
            self.taken[cpu.id] = Taken(what, at, frame, pushed)

    def look(self, cpu: Cpu) -> None:
        """A CPU has left the guest: with its frame popped, it has come back."""
        taken = self.taken.get(cpu.id)
        if taken is not None and cpu.registers.get("rsp") > taken.frame:
            del self.taken[cpu.id]

    def rests(self, cpu: Cpu) -> None:
        """A CPU halts, or goes round in a loop that nothing in memory ends."""
        taken, registers = self.taken.get(cpu.id), cpu.registers
        if taken is None or registers.get("rflags") & _IF:
            return
        inside = 0 <= taken.frame - registers.get("rsp") < _DEEP
        virtual = self._notes.board.virtual
        if inside and virtual.read(registers, taken.frame, 5 * _WORD) == taken.pushed:
            tick, now_ns, index, _ = self._notes.where(cpu)
            rests = self._notes.board.place(cpu)
            seen = Unreturned(tick, now_ns, index, taken.at, taken.what, rests)
            self._notes.add(seen, "unreturned", index, taken.at)
