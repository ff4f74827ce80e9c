"""Source and disassembly together, around where a CPU is."""

from typing import Final

from emu.boot import disasm
from emu.boot.disasm import Instruction, decode
from emu.hw.cpu import Cpu
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.machine import Machine
from emu.picture.view import CodeLine

BEFORE: Final = 24
AFTER: Final = 72
"""Instructions around RIP: more than the tallest terminal shows."""
FUNCTION_BYTES: Final = 4096
"""How far back a function's start is believed to be one."""


def listing(
    machine: Machine,
    cpu: Cpu,
    start: int,
    stops: frozenset[int],
    others: dict[int, tuple[int, ...]],
) -> tuple[CodeLine, ...]:
    """Lines around an address. `stops`: addresses with breakpoints; `others`: where the other
    CPUs are. Empty where the address is not mapped."""
    found: list[CodeLine] = []
    last: tuple[str, int] | None = None
    here = machine.board.linear_rip(cpu)
    for code in _instructions(machine, cpu, start):
        found += _label(machine, code.address)
        line = machine.board.layout.lines.line_of(code.address)
        if line is not None and line != last:
            found += _source(machine, code.address, *line)
        last = line
        found.append(_asm(machine, cpu, code, code.address == here, stops, others))
    return tuple(found)


def _instructions(machine: Machine, cpu: Cpu, here: int) -> list[Instruction]:
    """Decoded instructions of this function up to RIP, and on from there."""
    start = here
    nearest = machine.board.layout.symbols.nearest(here)
    if nearest is not None and here - nearest[1] < FUNCTION_BYTES:
        start = nearest[1]
    before = _run(machine, cpu, start, here, FUNCTION_BYTES)
    if before and before[-1].address + before[-1].size != here:
        before = []  # the symbol is not where this instruction stream began
    return before[-BEFORE:] + _run(machine, cpu, here, None, AFTER)


def _run(
    machine: Machine, cpu: Cpu, start: int, end: int | None, most: int
) -> list[Instruction]:
    """Instructions one after the other, to `end` or to the first that is none."""
    found: list[Instruction] = []
    address = start
    mode = cpu.registers.mode
    want = most * INSTRUCTION_BYTES if end is None else end - start
    data = machine.board.virtual.most(cpu.registers, start, want)
    while len(found) < most and (end is None or address < end):
        code = decode(
            data[address - start : address - start + INSTRUCTION_BYTES], address, mode
        )
        if code is None:
            break
        found.append(code)
        address += code.size
    return found


def _label(machine: Machine, address: int) -> list[CodeLine]:
    name = machine.board.layout.symbols.name(address)
    if not name or "+" in name:
        return []
    return [CodeLine("label", address, 0, "", f"{name}:", "", False, False, ())]


def _source(machine: Machine, address: int, file: str, number: int) -> list[CodeLine]:
    text = machine.board.layout.lines.text(file, number)
    if text is None:
        return []
    return [CodeLine("source", address, number, "", text, file, False, False, ())]


def _asm(
    machine: Machine,
    cpu: Cpu,
    code: Instruction,
    current: bool,
    stops: frozenset[int],
    others: dict[int, tuple[int, ...]],
) -> CodeLine:
    text = f"{code.mnemonic} {code.operands}".rstrip()
    note = ""
    if code.target is not None:
        note = machine.board.layout.symbols.name(code.target)
    fixed = code.memory and code.memory[0].base == "rip" and not code.memory[0].index
    if code.memory and (current or fixed):
        note = _operand_value(machine, cpu, code) or note
    if current and code.kind == "branch":
        taken = disasm.taken(
            code.mnemonic, cpu.registers.get("rflags"), cpu.registers.get("rcx")
        )
        word = {True: "taken to", False: "not taken to", None: ""}[taken]
        note = f"{word} {note or hex(code.target or 0)}".lstrip()
    here = tuple(i for i in others.get(code.address, ()) if i != cpu.id)
    return CodeLine(
        "asm", code.address, 0, code.bytes.hex(" "), text, note, current, code.address in stops,
        here,
    )  # fmt: skip


def _operand_value(machine: Machine, cpu: Cpu, code: Instruction) -> str:
    """What the instruction's memory operand holds now."""
    access = code.memory[0]
    gva = access.address(cpu.registers.get, code)
    data = machine.board.virtual.read(cpu.registers, gva, access.size)
    name = machine.board.layout.symbols.name(gva) or f"{gva:#x}"
    if data is None:
        return f"[{name}] is not mapped"
    value = int.from_bytes(data, "little")
    points = machine.board.layout.symbols.name(value) if value > 0xFFF else ""
    return f"[{name}] = {value:#x} {points}".rstrip()
