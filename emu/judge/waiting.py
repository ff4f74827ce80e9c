"""What a waiting CPU waits for, in words."""

from itertools import count as counted
from typing import Final, NamedTuple

from emu.boot.disasm import Instruction, decode
from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.cpu import Cpu
from emu.judge import monitored
from emu.judge.conditions import Codes, LoopTold, Reads, read_loop
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.mailbox.layout import FIELDS, Field

LOOPS_MAX: Final = 4096
SAID_MAX: Final = 16_384
"""Of a thousand CPUs each may wait for its own id, in some loops one after the other."""


class Shape(NamedTuple):
    """A loop, its instructions, and a number that loops have in common which differ in what
    they found in memory alone."""

    loop: Loop
    codes: Codes
    number: int
    alone: bool = False
    """It shares its number with none: another value in memory may be another place."""


class WaitSaid(NamedTuple):
    """What there is to say of a CPU in a loop, whatever stands in the bytes that it reads."""

    words: str
    reads: Reads
    """What may let it go, without pointers on the way to it."""
    places: tuple[tuple[Hpa, int], ...]
    """(HPA, bytes) of what the words name."""


class WaitWords:
    """The words of many CPUs, most of which wait in one loop: they are found once for each
    loop, and each value of the registers that are a CPU's own in it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._said: dict[tuple[int, ...], WaitSaid] = {}
        self._shapes: dict[int, Shape] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        self._count = counted()

    def _shape(self, cpu: Cpu, loop: Loop) -> Shape:
        """What a loop is, decoded once."""
        known = self._shapes.get(id(loop))
        if known is not None and known.loop is loop:
            return known
        if len(self._shapes) >= LOOPS_MAX:
            self._shapes.clear()
        codes = codes_of(self._machine, cpu, loop)
        text = tuple(None if code is None else (code.mnemonic, code.operands) for code in codes)
        like = loop.path, loop.reads, loop.uses, loop.clock, text
        found = Shape(loop, codes, self._numbers.setdefault(like, next(self._count)))
        self._shapes[id(loop)] = found
        return found

    def of(self, cpu: Cpu) -> str:
        """What a CPU waits for: `mailbox command == 1`, or addresses, with `or time` where a
        clock ends it too; empty if it does not wait."""
        said = self.seen(cpu)
        return "" if said is None else said.words

    def seen(self, cpu: Cpu) -> WaitSaid | None:
        """What there is to say of a CPU's wait; None if it does not wait."""
        wait = self._machine.waits.waiting.get(cpu.id)
        if wait is not None:
            return self._said_of(cpu, wait.loop)
        if cpu.id in self._machine.monitors.asleep:
            return _of_monitor(self._machine, cpu)
        return None

    def _said_of(self, cpu: Cpu, loop: Loop) -> WaitSaid:
        """Of a loop."""
        shape = self._shape(cpu, loop)
        own = tuple([cpu.registers.get(name) for name, _, _ in loop.unequal])
        known = self._said.get((shape.number, *own))
        if known is None:
            told = read_loop(cpu, loop, shape.codes)
            known = _said(self._machine, loop, told)
            if told.by_values and not shape.alone:
                shape = shape._replace(number=next(self._count), alone=True)
                self._shapes[id(loop)] = shape
            if len(self._said) >= SAID_MAX:
                self._said.clear()
            self._said[(shape.number, *own)] = known
        return known


def _of_monitor(machine: Machine, cpu: Cpu) -> WaitSaid:
    """Of a CPU that waits by MWAIT: for any store to the line, of which the place is shown that
    it gave."""
    return WaitSaid(
        monitored.told(machine, cpu), monitored.reads(machine, cpu),
        (monitored.place(machine, cpu),),
    )  # fmt: skip


def words_for(machine: Machine, cpu: Cpu) -> str:
    """The words of one CPU."""
    return WaitWords(machine).of(cpu)


class LookedAt(NamedTuple):
    """A place that a loop looks at: its name, what lets the CPU go, and where it lies."""

    name: str
    told: str
    hpa: Hpa
    size: int


TOLD_MAX: Final = 3
"""Of more places than that it is said that there are more."""


def _said(machine: Machine, loop: Loop, told: LoopTold) -> WaitSaid:
    """The words for the places that a loop looks at."""
    reads = told.deciding(loop)
    places = _looked_at(machine, reads, told)
    names = list(dict.fromkeys(f"{place.name} {place.told}".rstrip() for place in places))
    text = ", ".join(names[:TOLD_MAX]) + (" ..." if len(names) > TOLD_MAX else "")
    if not text:
        words = "time" if loop.clock else "nothing: it loops for ever"
    else:
        words = f"{text} or time" if loop.clock else text
    return WaitSaid(words, reads, tuple((one.hpa, one.size) for one in places[:TOLD_MAX]))


def _looked_at(machine: Machine, reads: Reads, told: LoopTold) -> list[LookedAt]:
    """All places that a loop looks at and that may let it go. Of a load of several mailbox
    fields, those of them that the code compares, or the first."""
    places = []
    for hpa, many, gva in reads:
        for at in told.compared(gva, many) or [gva]:
            here = Hpa(hpa + at - gva)
            field = _field(machine, here)
            name = f"mailbox {field.name}" if field else ""
            size = min(field.size if field else many, gva + many - at)
            name = name or machine.board.layout.symbols.name(at) or f"[{at:#x}]"
            places.append(LookedAt(name, told.conditions.get(at, ""), here, size))
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
    return [instruction_at(machine, cpu, rip) for rip in loop.path]


def instruction_at(machine: Machine, cpu: Cpu, rip: int) -> Instruction | None:
    """What a CPU would execute at an address of its code segment; None for what cannot be
    read."""
    registers = cpu.registers
    data = machine.board.virtual.most(registers, rip, INSTRUCTION_BYTES)
    return decode(data, rip, registers.coding)
