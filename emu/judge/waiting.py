"""What a waiting CPU waits for, in words, and who could have ended it last."""

from typing import Final, NamedTuple

from emu.boot.disasm import Instruction, decode, family
from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.cpu import Cpu
from emu.judge.verdict import WaitFact
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.machine.tracked import GRANULE
from emu.machine.wait import Wait
from emu.mailbox.layout import FIELDS, Field

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
    found = looked_at(machine, cpu, wait, codes or codes_of(machine, cpu, wait.loop))
    names = list(dict.fromkeys(f"{place.name} {place.told}".rstrip() for place in found))
    text = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    if not text:
        return "time" if wait.loop.clock else "nothing: it loops for ever"
    return f"{text} or time" if wait.loop.clock else text


class LookedAt(NamedTuple):
    """A place that a loop looks at: its name, what lets the CPU go, and what stands there."""

    name: str
    told: str
    value: int


def looked_at(machine: Machine, cpu: Cpu, wait: Wait, codes: Codes) -> list[LookedAt]:
    """All places that a loop looks at. Of a load of several mailbox fields, those of them that
    the code compares, or the first."""
    found = conditions(cpu, wait.loop, codes)
    places = []
    for hpa, count, gva in wait.loop.reads:
        for at in sorted(at for at in found if gva <= at < gva + count) or [gva]:
            here = Hpa(hpa + at - gva)
            field = _field(machine, here)
            name = f"mailbox {field.name}" if field else ""
            size = min(field.size if field else count, gva + count - at)
            value = int.from_bytes(machine.board.memory.read(here, size), "little")
            name = name or machine.board.layout.symbols.name(at) or f"[{at:#x}]"
            places.append(LookedAt(name, found.get(at, ""), value))
    return places


def _field(machine: Machine, hpa: Hpa) -> Field | None:
    """The mailbox field that a byte is of."""
    page = machine.board.ram.page_at(hpa)
    if page is None or page != machine.board.mailbox_gpa:
        return None
    offset = hpa % PAGE_BYTES
    return next((f for f in FIELDS if f.offset <= offset < f.offset + f.size), None)


def codes_of(machine: Machine, cpu: Cpu, loop: Loop) -> Codes:
    """The instructions of a loop in the order of a lap; None for what cannot be read."""
    return [_at(machine, cpu, rip) for rip in loop.path]


def conditions(cpu: Cpu, loop: Loop, codes: Codes) -> dict[int, str]:
    """GVA that a loop looks at -> what lets it go, such as `== 1`: the comparisons of its code
    whose branch keeps the CPU inside. What the code does not tell is left out.

    A load of several fields is followed to those that are taken from it, by a shift."""
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
        else:
            _follow(code, looked, held)
    return found


def _follow(code: Instruction, looked: list[int], held: dict[str, int]) -> None:
    """Which registers hold what was read where, after one more instruction."""
    target, _, source = code.operands.partition(", ")
    name, moved = family(target), held.get(family(source))
    if code.mnemonic.startswith("mov") and looked:
        held[name] = looked[0]
    elif code.mnemonic.startswith("mov") and moved is not None:
        held[name] = moved
    elif code.mnemonic == "shr" and name in held and source.startswith(("0x", *"12345")):
        held[name] += int(source, 0) // 8
    else:
        for one in code.writes:
            held.pop(one, None)


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
    try:
        value = int(other, 0)
    except ValueError:
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
    wait = machine.waits.waiting[cpu.id]
    loop = wait.loop
    written = [
        machine.tracked.writers[hpa & ~(GRANULE - 1)]
        for hpa, _, _ in loop.reads
        if hpa & ~(GRANULE - 1) in machine.tracked.writers
    ]
    who, tick = max(written, key=lambda pair: pair[1], default=(None, None))
    codes = codes_of(machine, cpu, loop)
    values = [place.value for place in looked_at(machine, cpu, wait, codes)]
    return WaitFact(
        cpu.id, words_for(machine, cpu, codes), machine.board.name(cpu, loop.head),
        ", ".join(f"{value:#x}" for value in values[:3]), who, tick,
    )  # fmt: skip
