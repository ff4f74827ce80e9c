"""What an AP has of the mailbox at the moment at which it clears the command.

Its registers and the code that it came through mostly tell. Where they do not, the AP is run on
for a few instructions with another vector in the mailbox, and all that is taken back.
"""

from typing import Final

from emu.boot import disasm
from emu.boot.disasm import Instruction
from emu.boot.flow import flow
from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.context import GENERAL
from emu.hw.cpu import Cpu
from emu.hw.paging import walk_context
from emu.machine.board import Board
from emu.machine.trial import Trial, Trials
from emu.mailbox.layout import VECTOR
from emu.mailbox.observation import Ack, Reading

WAKEUP: Final = 1
POISON: Final = 0x5A5A_C3C3_A5A5_3C3C
"""A vector that nobody has: not canonical."""
STEPS_MAX: Final = 32
"""Instructions behind the ack: loops in the field jump within 24."""
PATH_MAX: Final = 96
"""Instructions of a mailbox loop that are looked at."""
_CODE_BYTES: Final = 15
_ENTRY_BYTES: Final = 8
"""Of the widest table entry; where they have 4, the one beside it is put back as it was."""
_LOW: Final = (1 << 32) - 1
VectorSpan = tuple[int, int]
"""Offset in the mailbox page, and bytes."""


def ack_of(
    trials: Trials, cpu: Cpu, command: int, vector: int, loads: frozenset[VectorSpan]
) -> Ack:
    """What a CPU knows that has just cleared `command`, or has stored a Noop over a Noop;
    `vector` is the one that the mailbox holds now."""
    if command != WAKEUP:
        goes = _tried(trials, cpu, vector)[1]
        refused = "" if goes is None else _refused(trials.board, cpu, goes)
        return Ack("unknown", refused, goes is not None, goes)
    reading, goes = _reading(trials, cpu, vector, loads)
    return Ack(reading, _refused(trials.board, cpu, vector), True, goes)


def _reading(
    trials: Trials, cpu: Cpu, vector: int, loads: frozenset[VectorSpan]
) -> tuple[Reading, int | None]:
    seen = {byte for offset, size in loads for byte in range(offset, offset + size)}
    wanted = range(VECTOR.offset, VECTOR.offset + VECTOR.size)
    touched = [byte for byte in wanted if byte in seen]
    if touched and len(touched) < VECTOR.size:
        return "short", None
    held = [cpu.registers.get(name) for name in GENERAL]
    if vector in held:
        return "before", vector
    if vector > _LOW and vector & _LOW in held:
        return "short", None
    return _tried(trials, cpu, vector)


def _refused(board: Board, cpu: Cpu, vector: int) -> str:
    """Why the CPU could not fetch at the vector, or not as the specification has it (ACPI 6.6,
    5.2.12.19: identity mapped, and contained within one physical page); empty if it could."""
    walk = walk_context(board.memory, board.npt, cpu.registers, vector, "execute")
    if walk.verdict != "ok":
        return walk.why or walk.verdict
    private = None if walk.gpa is None else walk.gpa & ~board.shared_alias
    if private != vector:
        return f"it is mapped to {walk.gpa:#x} and not to itself"
    code = board.ram.guest_bytes(vector, _CODE_BYTES) or b""
    size = disasm.length(code, cpu.registers.coding) if code else 1
    if vector % PAGE_BYTES + size > PAGE_BYTES:
        return "its first instruction lies on two pages"
    return ""


def _tried(trials: Trials, cpu: Cpu, vector: int) -> tuple[Reading, int | None]:
    """Run the CPU on with another vector in the mailbox: whether it reads that one, and where
    it goes. Taken back."""
    board = trials.board
    page = None if board.mailbox_gpa is None else board.npt.hpa_of(board.mailbox_gpa)
    if page is None:
        return "unknown", None
    place = Hpa(page + VECTOR.offset)
    with trials.begin(cpu, cpu.clock_ps, ((place, VECTOR.size),)) as one:
        board.memory.write(place, POISON.to_bytes(VECTOR.size, "little"))
        calls = 0
        for _ in range(STEPS_MAX):
            code = _decode(board, cpu, cpu.registers.rip)
            goes_on = code is not None and _step(trials, cpu, one, code)
            if any(cpu.registers.get(name) == POISON for name in GENERAL):
                return "after", vector
            if code is None or not (goes_on or cpu.registers.rip != code.address):
                break
            calls += code.kind == "call"
            if code.kind in ("jump", "ret") and code.target is None and not calls:
                goes = cpu.registers.rip  # the fetch there may be what ended it
                return "before" if goes == vector else "unknown", goes
            calls -= code.kind == "ret"
            if not goes_on:
                break
    return "unknown", None


def _step(trials: Trials, cpu: Cpu, one: Trial, code: Instruction) -> bool:
    """The next instruction, if it leaves nothing in memory; False if it would."""
    board = trials.board
    if not code.exact or any("w" in place.access for place in code.memory):
        return False
    _keep_tables(board, cpu, one, board.linear_rip(cpu))
    for operand in code.memory:
        gva = operand.address(cpu.registers.get, code)
        _keep_tables(board, cpu, one, gva)
        _keep_tables(board, cpu, one, gva + operand.size - 1)
    return trials.step(cpu) is not None


def _keep_tables(board: Board, cpu: Cpu, one: Trial, gva: int) -> None:
    """The entries on the way to an address get A bits, which the CPU has not yet set."""
    for level in walk_context(board.memory, board.npt, cpu.registers, gva).levels:
        if level.nested.hpa is not None:
            one.keep(level.nested.hpa, _ENTRY_BYTES)


def clears(board: Board, cpu: Cpu, at: int) -> bool:
    """Whether the instruction at `at`, which has run, stored to the mailbox's command."""
    page = None if board.mailbox_gpa is None else board.npt.hpa_of(board.mailbox_gpa)
    code = _decode(board, cpu, at)
    if page is None or code is None:
        return False
    return any(
        "w" in operand.access and _hpa(board, cpu, code, operand) == page
        for operand in code.memory
    )


def _decode(board: Board, cpu: Cpu, at: int) -> Instruction | None:
    data = board.virtual.most(cpu.registers, at, _CODE_BYTES)
    return disasm.decode(data, at, cpu.registers.coding)


def loads_before(
    board: Board, cpu: Cpu, heads: frozenset[int], ack: int
) -> frozenset[VectorSpan]:
    """What the code between the heads of waiting loops and an ack loads of the mailbox, as far
    as the CPU's registers still tell the addresses."""
    page = None if board.mailbox_gpa is None else board.npt.hpa_of(board.mailbox_gpa)
    found = flow(lambda at: _decode(board, cpu, at), heads, PATH_MAX, ack)
    return frozenset(
        (hpa - page, operand.size)
        for at in found.leading_to(ack)
        for operand in found.codes[at].memory
        if "r" in operand.access
        and (hpa := _hpa(board, cpu, found.codes[at], operand)) is not None
        and page is not None
        and 0 <= hpa - page < VECTOR.offset + VECTOR.size
    )


def _hpa(
    board: Board, cpu: Cpu, code: Instruction, operand: disasm.MemoryOperand
) -> Hpa | None:
    return board.virtual.hpa(cpu.registers, operand.address(cpu.registers.get, code))
