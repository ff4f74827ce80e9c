"""Far transfers set the Accessed bit of the descriptors that they load.

The emulator does so for MOV, POP and LSS, but not for the CS and SS that a far JMP, CALL or
RET, or an IRET, loads. Such an instruction ends its block of code; where a block is translated
that ends so, the engine runs the instruction by itself, and the bit is set behind it. If the
tables refuse that store, the instruction has not happened: it is the processor's own, a
supervisor's under CR0.WP (SDM 3, 3.4.5.1 and 4.6.1), and faults as any other.
"""

import re
from typing import Final

from msgspec.structs import replace

from emu.boot import disasm
from emu.boot.disasm import Instruction
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.hw.interrupt import ACCESSED_SEGMENT, PAGE_FAULT
from emu.hw.vmcb import EXIT_EXCEPTION, EXIT_NPF
from emu.machine.board import Board
from emu.machine.own_access import OwnAccess

_PREFIXES: Final = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
_IRET: Final = 0xCF
_FAR: Final = frozenset((0x9A, 0xCA, 0xCB, _IRET, 0xEA))
_FF_GROUP: Final = 0xFF
_FF_FAR: Final = (3, 5)
"""CALL m16:32 and JMP m16:32 among the instructions of opcode FF (SDM 2, table A-6)."""
_MAY_END: Final = re.compile(
    rb"[\xcb\xcf]\Z|\xca..\Z|[\x9a\xea].{4}(?:..)?\Z"
    rb"|\xff[\x18-\x1f\x28-\x2f\x58-\x5f\x68-\x6f\x98-\x9f\xa8-\xaf].{0,5}\Z",
    re.DOTALL,
)
"""RETF and IRET; RETF n; CALL and JMP of a pointer; those of memory."""
_LONGEST: Final = 15
_HIGH_HALF: Final = 4
"""The type of a segment lies in the descriptor's second four bytes (SDM 3, figure 3-8)."""
_IN_LDT: Final = 4
_VM: Final = 1 << 17


def _opcode(code: Instruction, mode: str) -> int:
    """The opcode of a far transfer, 0 for any other instruction (SDM 2, tables A-2 and A-6)."""
    at = 0
    while code.bytes[at] in _PREFIXES or (mode == "long" and code.bytes[at] >> 4 == 4):
        at += 1
    found = code.bytes[at]
    far = found in _FAR or (found == _FF_GROUP and code.bytes[at + 1] >> 3 & 7 in _FF_FAR)
    return found if far else 0


class DescriptorLoads:
    """What a machine sees to at these instructions; between two of them it keeps nothing."""

    def __init__(self, board: Board, own: OwnAccess) -> None:
        self._board, self._own = board, own
        self._opcode = 0
        self._saved = b""
        self._coding = ""
        self._stack_segment = 0, 0

    def may_end(self, code: bytes) -> bool:
        """Whether a block may end with one: quickly, and wrong only if it says so."""
        return _MAY_END.search(code, max(len(code) - _LONGEST, 0)) is not None

    def ends(self, code: bytes, mode: str) -> int:
        """The bytes of the block's last instruction if it is one, else 0."""
        at, last = 0, None
        while at < len(code):
            last = disasm.decode(code[at : at + _LONGEST], at, mode)
            if last is None:
                return 0
            at += last.size
        return last.size if last is not None and _opcode(last, mode) else 0

    def before(self, context: Context) -> None:
        """It is about to run."""
        code = disasm.decode(self._board.code.next(context), context.linear_rip, context.coding)
        self._opcode = _opcode(code, context.coding) if code is not None else 0
        if self._opcode:
            self._saved, self._coding = context.save(), context.coding
            context.changed = True  # it is about to be, and `save` has noted that it was not
            self._stack_segment = self._stack(context)

    def behind(self, context: Context) -> Exit | None:
        """It has run. None if that is all; else the fault that the processor's own store is,
        and the context is as before."""
        board = self._board
        if self._opcode and context.coding != self._coding:
            board.code_modes.note(context.linear_rip, context.coding)
        real = context.mode == "real" or context.get("rflags") & _VM
        if not self._opcode or real or board.on_trial:
            return None
        assert board.at_work is not None, "somebody executes"
        cpu = board.cpus[board.at_work]
        pops_stack = self._opcode == _IRET and context.get("efer") >> 10 & 1
        loaded = ["cs"]
        if pops_stack or self._stack(context) != self._stack_segment:
            loaded.append("ss")
        for name in loaded:
            fault = self._mark(cpu, context, name)
            if fault is not None:
                context.load(self._saved)
                return fault
        return None

    def _stack(self, context: Context) -> tuple[int, int]:
        found = context.segment("ss")
        return found.selector, found.attributes

    def _mark(self, cpu: Cpu, context: Context, name: str) -> Exit | None:
        """Set the bit of a segment that was loaded without it; None if it is set now."""
        segment = context.segment(name)
        if segment.attributes & ACCESSED_SEGMENT or not segment.selector & ~3:
            return None
        table = context.segment("ldtr" if segment.selector & _IN_LDT else "gdtr")
        place = table.base + (segment.selector & ~7) + _HIGH_HALF
        raw = self._own.read(cpu, place, 4)
        assert raw is not None, "the descriptor was read just now"
        kind = raw[1] | ACCESSED_SEGMENT
        if not self._own.write(cpu, place, bytes((raw[0], kind, *raw[2:]))):
            return self._fault(context, place)
        segment = replace(segment, attributes=segment.attributes | ACCESSED_SEGMENT)
        context.put_segment(name, segment)
        return None

    def _fault(self, context: Context, place: int) -> Exit:
        """The exit that a refused store to a descriptor is."""
        found = self._own.refused(context, place, "write")
        if found.verdict == "page fault":
            code = EXIT_EXCEPTION + PAGE_FAULT
            return Exit(ExitKind.INTERCEPT, 0, code, place, found.error_code)
        nested = found.nested or found.levels[-1].nested
        return Exit(ExitKind.INTERCEPT, 0, EXIT_NPF, nested.gpa, nested.error_code)
