"""Whether the clocks that CPUs are told of agree: TSC, and whatever else is derived from it.

All CPUs of this machine have one time, so they disagree by what was set wrong: by an injection,
or by a guest that writes IA32_TSC_ADJUST.
"""

from typing import Final, NamedTuple

from emu.hw.cpu import Cpu
from emu.machine.notes import Notes
from emu.mailbox.observation import ClocksApart
from emu.vmm.asked import Asked, Rdmsr, Rdtsc
from emu.vmm.clock import NS_PER_SECOND, TSC_ADJUST

_CLOCKS: Final = frozenset((0x10, 0x4000_0020))
"""MSRs that give the time: IA32_TIME_STAMP_COUNTER, HV_X64_MSR_TIME_REF_COUNT."""


class SavedClocks(NamedTuple):
    """What a Clocks was at one moment."""

    readers: frozenset[int]
    adjusted: frozenset[int]


class Clocks:
    """Which CPUs have read a clock, and which of them have set theirs."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._readers: frozenset[int] = frozenset()
        self._adjusted: frozenset[int] = frozenset()

    def save(self) -> SavedClocks:
        """All of them, for `load`."""
        return SavedClocks(self._readers, self._adjusted)

    def load(self, saved: SavedClocks) -> None:
        """Be again what `save` saw."""
        self._readers, self._adjusted = saved

    def answered(self, cpu: Cpu, asked: Asked) -> None:
        """A CPU was answered, maybe with the time."""
        if not isinstance(asked, Rdtsc) and not (
            isinstance(asked, Rdmsr) and asked.msr in _CLOCKS
        ):
            return
        index, vmm = cpu.id, self._notes.board.vmm
        if index not in self._readers:
            self._readers |= {index}
        if index not in self._adjusted and (index, TSC_ADJUST) in vmm.msrs:
            self._adjusted |= {index}
        if index in vmm.clocks or index in self._adjusted:
            self._compare(cpu)

    def _compare(self, cpu: Cpu) -> None:
        """Hold a clock that somebody has set against those of all who have read theirs."""
        bound = self._notes.board.platform.clocks_apart_ns
        mine = self._ahead_ns(cpu.id, cpu.nanoseconds)
        for other in sorted(self._readers - {cpu.id}):
            apart = mine - self._ahead_ns(other, cpu.nanoseconds)
            if abs(apart) > bound and self._notes.lives(other) is not None:
                seen = ClocksApart(*self._notes.where(cpu), other, apart, bound)
                self._notes.add(seen, "clocks", cpu.id)
                return

    def _ahead_ns(self, cpu: int, now_ns: int) -> int:
        """By how much a CPU's clock is ahead of the machine's time."""
        board = self._notes.board
        wrong = board.vmm.clocks.get(cpu)
        shown = now_ns if wrong is None else wrong.shows(now_ns)
        adjust = board.vmm.msrs.get((cpu, TSC_ADJUST), 0)
        signed = adjust - (1 << 64) if adjust >> 63 else adjust
        return shown - now_ns + signed * NS_PER_SECOND // board.platform.tsc_hz
