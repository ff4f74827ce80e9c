"""What an AP has of the mailbox at the moment at which it clears the command.

Its registers and the code that it came through mostly tell. Where they do not, the AP is run on
for a few instructions with another vector in the mailbox, and all that is taken back.
"""

from typing import TYPE_CHECKING, Final

from emu.boot import disasm
from emu.boot.disasm import Instruction
from emu.boot.flow import flow
from emu.hw.address import Hpa
from emu.hw.context import GENERAL
from emu.hw.cpu import Cpu
from emu.hw.engine import ExitKind
from emu.hw.paging import walk_context
from emu.machine.lap import harmless
from emu.machine.trial import Trial, trial
from emu.mailbox.layout import VECTOR
from emu.mailbox.observation import Ack, Reading

if TYPE_CHECKING:
    from emu.machine.machine import Machine

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
    machine: "Machine",
    cpu: Cpu,
    at: int,
    command: int,
    vector: int,
    loads: frozenset[VectorSpan],
) -> Ack:
    """What a CPU knows that has just cleared `command` by the instruction at `at`."""
    if command != WAKEUP:
        leaves = _tried(machine, cpu, vector)[1]
        return Ack("unknown", _refused(machine, cpu, vector) if leaves else "", leaves)
    return Ack(_reading(machine, cpu, vector, loads), _refused(machine, cpu, vector), True)


def _reading(
    machine: "Machine", cpu: Cpu, vector: int, loads: frozenset[VectorSpan]
) -> Reading:
    seen = {byte for offset, size in loads for byte in range(offset, offset + size)}
    wanted = range(VECTOR.offset, VECTOR.offset + VECTOR.size)
    touched = [byte for byte in wanted if byte in seen]
    if touched and len(touched) < VECTOR.size:
        return "short"
    held = [cpu.registers.get(name) for name in GENERAL]
    if vector in held:
        return "before"
    if vector > _LOW and vector & _LOW in held:
        return "short"
    return _tried(machine, cpu, vector)[0]


def _refused(machine: "Machine", cpu: Cpu, vector: int) -> str:
    """Why the CPU could not fetch at the vector; empty if it could."""
    walk = walk_context(machine.memory, machine.npt, cpu.registers, vector, "execute")
    return "" if walk.verdict == "ok" else walk.why or walk.verdict


def _tried(machine: "Machine", cpu: Cpu, vector: int) -> tuple[Reading, bool]:
    """Run the CPU on with another vector in the mailbox: whether it reads that one, and whether
    it goes to the one that it has. Taken back."""
    page = None if machine.mailbox_gpa is None else machine.npt.hpa_of(machine.mailbox_gpa)
    if page is None:
        return "unknown", False
    place = Hpa(page + VECTOR.offset)
    with trial(machine, cpu, cpu.clock_ps, ((place, VECTOR.size),)) as one:
        machine.memory.write(place, POISON.to_bytes(VECTOR.size, "little"))
        for _ in range(STEPS_MAX):
            goes_on = _step(machine, cpu, one)
            if any(cpu.registers.get(name) == POISON for name in GENERAL):
                return "after", True
            if cpu.registers.rip == vector:
                return "unknown", True  # the fetch there may be what ended it
            if not goes_on:
                break
    return "unknown", False


def _step(machine: "Machine", cpu: Cpu, one: Trial) -> bool:
    """One instruction that leaves nothing in memory; False if the next one would."""
    code = _decode(machine, cpu, cpu.registers.rip)
    if code is None or not code.exact or any("w" in place.access for place in code.memory):
        return False
    _keep_tables(machine, cpu, one, machine.linear_rip(cpu))
    for operand in code.memory:
        gva = operand.address(cpu.registers.get, code)
        _keep_tables(machine, cpu, one, gva)
        _keep_tables(machine, cpu, one, gva + operand.size - 1)
    exit_ = machine.execute_one(cpu)
    if exit_.kind is not ExitKind.BUDGET:
        if not harmless(cpu, exit_):
            return False
        machine.answer(cpu, machine.ask(cpu, exit_))
    return True


def _keep_tables(machine: "Machine", cpu: Cpu, one: Trial, gva: int) -> None:
    """The entries on the way to an address get A bits, which the CPU has not yet set."""
    for level in walk_context(machine.memory, machine.npt, cpu.registers, gva).levels:
        if level.nested.hpa is not None:
            one.keep(level.nested.hpa, _ENTRY_BYTES)


def _decode(machine: "Machine", cpu: Cpu, at: int) -> Instruction | None:
    data = machine.virtual.most(cpu.registers, at, _CODE_BYTES)
    return disasm.decode(data, at, cpu.registers.mode)


def loads_before(
    machine: "Machine", cpu: Cpu, heads: frozenset[int], ack: int
) -> frozenset[VectorSpan]:
    """What the code between the heads of waiting loops and an ack loads of the mailbox, as far
    as the CPU's registers still tell the addresses."""
    page = None if machine.mailbox_gpa is None else machine.npt.hpa_of(machine.mailbox_gpa)
    found = flow(lambda at: _decode(machine, cpu, at), heads, PATH_MAX, ack)
    return frozenset(
        (hpa - page, operand.size)
        for at in found.leading_to(ack)
        for operand in found.codes[at].memory
        if "r" in operand.access
        and (hpa := _hpa(machine, cpu, found.codes[at], operand)) is not None
        and page is not None
        and 0 <= hpa - page < VECTOR.offset + VECTOR.size
    )


def _hpa(
    machine: "Machine", cpu: Cpu, code: Instruction, operand: disasm.MemoryOperand
) -> Hpa | None:
    return machine.virtual.hpa(cpu.registers, operand.address(cpu.registers.get, code))
