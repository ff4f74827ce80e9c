"""What a waiting CPU waits for, in words, and who could have ended it last."""

from typing import Final

from emu.boot.disasm import Instruction, decode, family
from emu.given.number import parsed
from emu.hw.cpu import Cpu
from emu.judge.verdict import WaitFact
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.machine.tracked import GRANULE
from emu.machine.wait import Wait
from emu.mailbox.layout import FIELDS

_BRANCHES: Final = {
    "je": "==", "jne": "!=", "jb": "<", "jae": ">=", "ja": ">", "jbe": "<=", "jl": "<",
    "jge": ">=", "jg": ">", "jle": "<=",
}  # fmt: skip
_NOT: Final = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
LOOPS_MAX: Final = 4096
Codes = list[Instruction | None]
_SMALL: Final = 10
"""Below it a number is the same in decimal and hex."""


class WaitWords:
    """The words of many CPUs, most of which wait in one loop: those that do not depend on the
    CPU are found once for each loop."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: dict[int, tuple[Loop, str]] = {}
        self._codes: dict[int, tuple[Loop, Codes]] = {}

    def _code(self, cpu: Cpu, loop: Loop) -> Codes:
        """The instructions of a loop, decoded once."""
        known = self._codes.get(id(loop))
        if known is not None and known[0] is loop:
            return known[1]
        if len(self._codes) >= LOOPS_MAX:
            self._codes.clear()
        found = codes_of(self._machine, cpu, loop)
        self._codes[id(loop)] = loop, found
        return found

    def of(self, cpu: Cpu) -> str:
        """What a CPU waits for; empty if it does not."""
        wait = self._machine.waits.waiting.get(cpu.id)
        if wait is None:
            return ""
        known = self._known.get(id(wait.loop))
        if known is not None and known[0] is wait.loop:
            return known[1]
        words = words_for(self._machine, cpu, self._code(cpu, wait.loop))
        if not wait.loop.unequal:
            if len(self._known) >= LOOPS_MAX:
                self._known.clear()
            self._known[id(wait.loop)] = wait.loop, words
        return words


def words_for(machine: Machine, cpu: Cpu, codes: Codes | None = None) -> str:
    """`mailbox command == 1`, or addresses; with `or time` where a clock ends it too."""
    wait = machine.waits.waiting.get(cpu.id)
    if wait is None:
        return ""
    found = conditions(cpu, wait.loop, codes or codes_of(machine, cpu, wait.loop))
    names = list(dict.fromkeys(
        f"{name_of(machine, wait, gva)} {found.get(gva, '')}".rstrip()
        for _, _, gva in wait.loop.reads
    ))  # fmt: skip
    text = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    if not text:
        return "time" if wait.loop.clock else "nothing: it loops for ever"
    return f"{text} or time" if wait.loop.clock else text


def name_of(machine: Machine, wait: Wait, gva: int) -> str:
    """A byte that a loop looks at, as a mailbox field, a symbol or an address."""
    hpa = next(place for place, _, address in wait.loop.reads if address == gva)
    page = machine.board.ram.page_at(hpa)
    if page is not None and page == machine.board.mailbox_gpa:
        offset = hpa % 4096
        for field in FIELDS:
            if field.offset <= offset < field.offset + field.size:
                return f"mailbox {field.name}"
    return machine.board.layout.symbols.name(gva) or f"[{gva:#x}]"


def codes_of(machine: Machine, cpu: Cpu, loop: Loop) -> Codes:
    """The instructions of a loop in the order of a lap; None for what cannot be read."""
    return [_at(machine, cpu, rip) for rip in loop.path]


def conditions(cpu: Cpu, loop: Loop, codes: Codes) -> dict[int, str]:
    """GVA that a loop looks at -> what lets it go, such as `== 1`: the comparisons of its code
    whose branch keeps the CPU inside. What the code does not tell is left out."""
    read = {gva for _, _, gva in loop.reads}
    held: dict[str, int] = {}
    compared: tuple[int, str] | None = None
    found: dict[int, str] = {}
    for index, code in enumerate(codes):
        if code is None:
            return {}
        looked = [
            gva for one in code.memory if (gva := one.address(cpu.registers.get, code)) in read
        ]
        if code.mnemonic in ("cmp", "test"):
            compared = _compared(cpu, code, looked, held)
        elif code.kind == "branch":
            after = loop.path[(index + 1) % len(loop.path)]
            sign = _BRANCHES.get(code.mnemonic)
            if compared is not None and sign is not None:
                gva, value = compared
                told = f"{_NOT[sign] if after == code.target else sign} {value}"
                found[gva] = f"{found[gva]} or {told}" if gva in found else told
        elif code.mnemonic.startswith("mov") and looked:
            held[family(code.operands.partition(",")[0])] = looked[0]
    return found


def _at(machine: Machine, cpu: Cpu, rip: int) -> Instruction | None:
    registers = cpu.registers
    data = machine.board.virtual.most(registers, rip, INSTRUCTION_BYTES)
    return decode(data, rip, registers.mode)


def _compared(
    cpu: Cpu, code: Instruction, looked: list[int], held: dict[str, int]
) -> tuple[int, str] | None:
    """(GVA, value) of a comparison of something that was read; None if it is of none."""
    sides = [side.strip() for side in code.operands.split(",")]
    if len(sides) != 2:
        return None
    names = [family(side) for side in sides]
    gva = looked[0] if looked else held.get(names[0], held.get(names[1]))
    if gva is None:
        return None
    if code.mnemonic == "test" and sides[0] == sides[1]:
        return gva, "0"
    other = next(
        (side for side, name in zip(sides, names, strict=True)
         if "[" not in side and held.get(name) != gva), "",
    )  # fmt: skip
    size = code.memory[0].size if looked else 8
    value = parsed(other)
    if value is None:
        if not family(other):
            return None
        value = cpu.registers.get(family(other)) & (1 << 8 * size) - 1
    return gva, str(value) if value < _SMALL else f"{value:#x}"


def facts(machine: Machine) -> list[WaitFact]:
    """Every waiting CPU with its evidence."""
    return [
        _fact(machine, machine.board.cpus[index]) for index in sorted(machine.waits.waiting)
    ]


def _fact(machine: Machine, cpu: Cpu) -> WaitFact:
    loop = machine.waits.waiting[cpu.id].loop
    written = [
        machine.tracked.writers[hpa & ~(GRANULE - 1)]
        for hpa, _, _ in loop.reads
        if hpa & ~(GRANULE - 1) in machine.tracked.writers
    ]
    who, tick = max(written, key=lambda pair: pair[1], default=(None, None))
    values = [
        int.from_bytes(machine.board.memory.read(hpa, count), "little")
        for hpa, count, _ in loop.reads
    ]
    return WaitFact(
        cpu.id, words_for(machine, cpu), machine.board.layout.symbols.name(loop.head),
        ", ".join(f"{value:#x}" for value in values[:3]), who, tick,
    )  # fmt: skip
