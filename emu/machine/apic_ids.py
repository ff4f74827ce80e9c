"""Which APIC id each CPU was told: the MSR, CPUID and a TD's host can each be asked for it."""

from typing import Final

from emu.hw.cpu import Cpu
from emu.machine.notes import Notes, Question
from emu.mailbox.observation import Shared
from emu.vmm.asked import Asked, Cpuid, Rdmsr, Tdcall
from emu.vmm.tdx import ghci

X2APIC_ID: Final = 0x802
_LEAVES: Final = (0xB, 0x1F)
"""CPUID leaves with the id in EDX, whatever the sub-leaf (SDM 2, CPUID)."""
_SHORT: Final = 0xFF
"""From here on the eight bits of CPUID 1 are not the whole id."""
_LOW: Final = 0xFFFF_FFFF


class ApicIds:
    """Who was told which id, and by what."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._whose: dict[tuple[str, int], int] = {}
        self._short = max(notes.board.platform.apic_ids) < _SHORT

    def save(self) -> dict[tuple[str, int], int]:
        """All of it, for `load`."""
        return dict(self._whose)

    def load(self, saved: dict[tuple[str, int], int]) -> None:
        """Be again what `save` saw."""
        self._whose = dict(saved)

    def answered(self, cpu: Cpu, asked: Asked, question: Question) -> None:
        """A CPU was answered, maybe with its id."""
        told = self._told(cpu, asked, question)
        if told is None:
            return
        owner = self._whose.setdefault(told, cpu.id)
        if owner != cpu.id and self._notes.lives(owner) is not None:
            seen = Shared(*self._notes.where(cpu), "APIC id", told[1], owner)
            self._notes.add(seen, "APIC id", *sorted((cpu.id, owner)))

    def _told(self, cpu: Cpu, asked: Asked, question: Question) -> tuple[str, int] | None:
        """By what an id was told, and which; None if it was something else, or refused."""
        get = cpu.registers.get
        match asked:
            case Rdmsr(size, number) if number == X2APIC_ID:
                done = cpu.registers.rip == question.rip + size
                return ("MSR", get("rax") & _LOW) if done else None
            case Cpuid(_, leaf):
                return self._of_leaf(leaf, get("rbx"), get("rdx"))
            case Tdcall(subfunction=function) if function is not None and not get("rax"):
                if get("r10"):
                    return None
                if function == ghci.RDMSR and question.r12 & _LOW == X2APIC_ID:
                    return "MSR", get("r11") & _LOW
                if function == ghci.CPUID:
                    return self._of_leaf(question.r12 & _LOW, get("r13"), get("r15"))
        return None

    def _of_leaf(self, leaf: int, ebx: int, edx: int) -> tuple[str, int] | None:
        if leaf in _LEAVES:
            return "CPUID", edx & _LOW
        if leaf == 1 and self._short:
            return "CPUID 1", ebx >> 24 & 0xFF
        return None
