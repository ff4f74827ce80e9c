"""What the instructions of a mailbox loop do, read where an AP begins to wait in it."""

from typing import Final

from emu.boot import disasm
from emu.boot.disasm import Instruction, immediate
from emu.boot.flow import Flow, flow
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.code import INSTRUCTION_BYTES
from emu.mailbox.dialect import IdBy, Load, LoopCode
from emu.mailbox.layout import APIC_ID, COMMAND, FIELDS, HEAD_BYTES, VECTOR
from emu.vmm.asked import Asked, Cpuid, Rdmsr, Tdcall

PATH_MAX: Final = 96
"""Instructions from the head of a loop on that are looked at."""
EXITS_MAX: Final = 4096
"""Newest exits among which an AP's question for its own id is looked for."""
BOTH_BYTES: Final = 8
"""A load of command and id together."""
_ID_BITS: Final = 32
_DWORD: Final = 0xFFFF_FFFF
_FIELDS: Final = {field.offset: field.name for field in FIELDS}
_X2APIC_ID: Final = 0x802
_ID_LEAVES: Final = (0x1, 0xB, 0x1F)
_BY_VMCALL: Final[dict[int | None, IdBy]] = {0xA: "VMCALL CPUID", 0x1F: "VMCALL RDMSR"}
"""Subfunctions of TDG.VP.VMCALL (TDX GHCI 1.5, 3)."""


def loop_code(board: Board, cpu: Cpu, head: int) -> LoopCode | None:
    """The loop at a linear address, as far as the CPU's registers tell what it looks at; None
    if it does not look at the mailbox."""
    reading = _Reading(board, cpu, head)
    return reading.code() if reading.reads else None


class _Reading:
    """The instructions behind a head, and which of the mailbox's bytes each one touches."""

    def __init__(self, board: Board, cpu: Cpu, head: int) -> None:
        self._board, self._cpu, self._head = board, cpu, head
        self._flow: Flow = flow(self._decode, (head,), PATH_MAX)
        self.reads: dict[int, list[Load]] = {}
        self._clears: dict[int, int] = {}
        """Stores to the command -> their bytes."""
        self._id_acks = False
        self._after = self._flow.after()
        for at, code in self._flow.codes.items():
            self._look(at, code)

    def _decode(self, at: int) -> Instruction | None:
        registers = self._cpu.registers
        data = self._board.virtual.most(registers, at, INSTRUCTION_BYTES)
        return disasm.decode(data, at, registers.coding)

    def _look(self, at: int, code: Instruction) -> None:
        board, registers = self._board, self._cpu.registers
        page = None if board.mailbox_gpa is None else board.npt.hpa_of(board.mailbox_gpa)
        for operand in code.memory:
            hpa = board.virtual.hpa(registers, operand.address(registers.get, code))
            offset = -1 if hpa is None or page is None else hpa - page
            if offset not in _FIELDS or not 0 <= offset < HEAD_BYTES:
                continue
            if "r" in operand.access:
                self.reads.setdefault(at, []).append((_FIELDS[offset], operand.size))
            if "w" in operand.access and offset == COMMAND.offset:
                self._clears[at] = operand.size
            self._id_acks |= "w" in operand.access and offset == APIC_ID.offset

    def code(self) -> LoopCode:
        """All of it as a value."""
        back = self._flow.leading_to(self._head)
        ack = next((at for at in self._clears if at not in back), None)
        commands, ids = self._compared()
        before = () if ack is None else self._loads(self._flow.way(self._head, ack))
        behind = () if ack is None else self._vector_behind(ack)
        late = bool(behind) and all(field != VECTOR.name for field, _ in before)
        if ack is None:
            before = self._loads(list(self.reads))
        return LoopCode(
            (*before, *behind) if late else before,
            self._clears.get(ack, 0) if ack is not None else 0,
            late,
            any(self._flow.codes[at].mnemonic == "pause" for at in back),
            commands, ids, any(at in back for at in self._clears), self._id_by(),
            self._id_acks,
        )  # fmt: skip

    def _loads(self, way: list[int]) -> tuple[Load, ...]:
        """What the instructions of a way load, the same one in a row once."""
        found: list[Load] = []
        for at in way:
            found += [one for one in self.reads.get(at, ()) if found[-1:] != [one]]
        return tuple(found)

    def _vector_behind(self, ack: int) -> tuple[Load, ...]:
        behind = self._flow.reached_from(ack)
        loads = (one for at, some in self.reads.items() if at in behind for one in some)
        return tuple(one for one in loads if one[0] == VECTOR.name)[:1]

    # -- comparisons ------------------------------------------------------------------------

    def _compared(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The constants that command and id are compared with: what each register holds of the
        mailbox is followed from the head on."""
        found: dict[str, set[int]] = {"command": set(), "id": set()}
        known: dict[int, dict[str, str]] = {self._head: {}}
        waiting = [self._head]
        for at in waiting:
            code = self._flow.codes[at]
            field, value = self._comparison(at, code, known[at])
            if field in found and value is not None:
                found[field].add(value)
            after = self._moved(at, code, known[at])
            for later in self._after.get(at, ()):
                if later not in known:
                    known[later] = after
                    waiting.append(later)
        return tuple(sorted(found["command"])), tuple(sorted(found["id"]))

    def _holds(self, at: int, part: str | int | None, held: dict[str, str]) -> str:
        """What an operand holds: `command`, `id`, or `both` of them; empty for all else."""
        if part is None:
            field, size = next(iter(self.reads.get(at, ())), ("", 0))
            if field == COMMAND.name:
                return "both" if size == BOTH_BYTES else "command"
            return "id" if field == APIC_ID.name else ""
        what = held.get(disasm.family(part), "") if isinstance(part, str) else ""
        whole = isinstance(part, str) and disasm.family(part) == part
        return "command" if what == "both" and not whole else what

    def _comparison(
        self, at: int, code: Instruction, held: dict[str, str]
    ) -> tuple[str, int | None]:
        match code.mnemonic, _parts(code):
            case "cmp", (part, int() as value):
                return self._holds(at, part, held), value
            case "test", (str() as part, other) if part == other:
                return self._holds(at, part, held), 0
        return "", None

    def _moved(self, at: int, code: Instruction, held: dict[str, str]) -> dict[str, str]:
        """What registers hold behind an instruction."""
        after = {name: what for name, what in held.items() if name not in code.writes}
        match code.mnemonic, _parts(code):
            case ("mov" | "movzx", (str() as to, str() | None as part)):
                what = self._holds(at, part, held)
            case "shr", (str() as to, value) if value == _ID_BITS:
                what = "id" if self._holds(at, to, held) == "both" else ""
            case _:
                return after
        return {**after, disasm.family(to): what} if what and disasm.family(to) else after

    # -- the AP's own id ----------------------------------------------------------------------

    def _id_by(self) -> IdBy:
        asked = self._board.logs.exits.newest(self._cpu.id, EXITS_MAX)
        return next((how for one in asked if (how := _how(one))), "")


def _parts(code: Instruction) -> tuple[str | int | None, ...]:
    """Its operands: a register's name, an immediate as a field of 32 bits has it, None for
    memory."""
    return tuple(map(_part, code.operands.split(", "))) if code.operands else ()


def _part(text: str) -> str | int | None:
    if "[" in text:
        return None
    return text if text[0].isalpha() else immediate(text) & _DWORD


def _how(asked: Asked) -> IdBy:
    """Whether a question is one for an APIC id."""
    match asked:
        case Tdcall():
            return _BY_VMCALL.get(asked.subfunction, "")
        case Cpuid(leaf=leaf) if leaf in _ID_LEAVES:
            return "CPUID"
        case Rdmsr(msr=msr) if msr == _X2APIC_ID:
            return "RDMSR"
    return ""
