"""What belongs to one CPU alone, and two have: the bases of GS and FS, and the TSS.

It is looked at when a CPU comes to rest (it halts, or waits in a loop), comes online or takes
an exception: what it was started with may be another's up to there.
"""

from typing import Final

from emu.hw.cpu import Cpu
from emu.machine.notes import Notes
from emu.mailbox.observation import Shared, SharedWhat

_BASES: Final[dict[str, SharedWhat]] = {"gs": "GS base", "fs": "FS base", "tr": "TSS"}
"""Register -> what its base is."""


class SharedBases:
    """Who was seen with which base."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._whose: dict[tuple[str, int], int] = {}

    def save(self) -> dict[tuple[str, int], int]:
        """All of them, for `load`."""
        return dict(self._whose)

    def load(self, saved: dict[tuple[str, int], int]) -> None:
        """Be again what `save` saw."""
        self._whose = dict(saved)

    def settled(self, cpu: Cpu) -> None:
        """A CPU has what it was given, or has set up for itself, by now."""
        registers = cpu.registers
        if registers.mode != "long" or registers.cpl:
            return
        for name, what in _BASES.items():
            base = registers.base(name)
            if base:
                self._look(cpu, name, what, base)

    def _look(self, cpu: Cpu, name: str, what: SharedWhat, base: int) -> None:
        owner = self._whose.setdefault((name, base), cpu.id)
        if owner == cpu.id:
            return
        other = self._notes.lives(owner)
        if other is None or other.registers.base(name) != base:
            self._whose[name, base] = cpu.id
            return
        seen = Shared(*self._notes.where(cpu), what, base, owner)
        self._notes.add(seen, what, *sorted((cpu.id, owner)))
