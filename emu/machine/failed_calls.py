"""Calls to the host or the TDX module that were refused, and whose status nobody looks at."""

from typing import Final

from emu.boot import disasm
from emu.boot.disasm import Instruction
from emu.hw.cpu import Cpu
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.notes import Notes, Question
from emu.machine.status_use import is_ignored
from emu.mailbox.observation import Ignored
from emu.vmm.asked import Asked, Tdcall, Vmcall
from emu.vmm.asked_words import names

_ERROR: Final = 1 << 63
"""In RAX behind TDCALL: without it the operation was done, or was not needed."""
_STATUS: Final = 0xFFFF
"""Of a hypercall's result (TLFS 3.8)."""
_TELLING: Final = frozenset((0xC, 0x1E, 0x1_0003))
"""Subfunctions by which a guest tells and asks for nothing: HLT, I/O, ReportFatalError. What
a guest does then, it does in any case."""
_SPIN_WAIT: Final = 0x8
"""HvCallNotifyLongSpinWait, a hint."""


class FailedCalls:
    """What becomes of the status of refused calls."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._ignored: dict[tuple[int, str, int], bool] = {}
        """(address behind the call, register, return address) -> whether nobody looks: code,
        and so no state."""

    def answered(self, cpu: Cpu, asked: Asked, question: Question) -> None:
        """A CPU was answered, maybe by a refusal."""
        found = _refused(cpu, asked)
        if found is None or cpu.registers.rip == question.rip or cpu.registers.mode != "long":
            return
        register, status = found
        if self._nobody_looks(cpu, register):
            tick, now_ns, index, _ = self._notes.where(cpu)
            call = " ".join(names(asked))
            seen = Ignored(tick, now_ns, index, question.rip, call, status)
            self._notes.add(seen, "ignored", index, question.rip, call)

    def _nobody_looks(self, cpu: Cpu, register: str) -> bool:
        registers, virtual = cpu.registers, self._notes.board.virtual

        def decode(at: int) -> Instruction | None:
            return disasm.decode(virtual.most(registers, at, INSTRUCTION_BYTES), at, "long")

        def word(above: int) -> int | None:
            data = virtual.read(registers, registers.get("rsp") + above, 8)
            return None if data is None else int.from_bytes(data, "little")

        key = registers.rip, register, word(0) or 0
        if key not in self._ignored:
            self._ignored[key] = is_ignored(decode, word, registers.rip, register)
        return self._ignored[key]


def _refused(cpu: Cpu, asked: Asked) -> tuple[str, int] | None:
    """The register in which the status of a refused call came back, and that status."""
    get = cpu.registers.get
    match asked:
        case Vmcall(control=control) if get("rax") & _STATUS:
            hint = control & _STATUS == _SPIN_WAIT
            return None if hint else ("rax", get("rax") & _STATUS)
        case Tdcall() if get("rax") & _ERROR:
            return "rax", get("rax")
        case Tdcall() if not get("rax"):
            if asked.hypercall is not None and get("r11") & _STATUS:
                return "r11", get("r11") & _STATUS
            function = asked.subfunction
            if function is not None and function not in _TELLING and get("r10"):
                return "r10", get("r10")
    return None
