"""What a waiting CPU waits for, in words, and who could have ended it last."""

from collections.abc import Iterable
from itertools import count as counted
from typing import Final, NamedTuple

from emu.boot.disasm import Instruction, decode
from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.cpu import Cpu
from emu.judge import monitored
from emu.judge.conditions import Codes, LoopTold, Reads, read_loop
from emu.judge.verdict import WaitFact
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.machine.tracked import NOBODY, LastWrite
from emu.machine.wait import Wait
from emu.mailbox.layout import FIELDS, Field
from emu.timeline import search
from emu.timeline.timeline import Timeline
from emu.words.place import MemoryPlace

LOOPS_MAX: Final = 4096
Searched = dict[tuple[Hpa, int], LastWrite]
"""(HPA, bytes) -> who changed them last."""
SEARCHED_TICKS: Final = 1_000_000
"""Instructions that are run again to find who wrote before a wait began: about a second."""
PLACES_MAX: Final = 64
"""Places that are searched for at once."""


class Shape(NamedTuple):
    """A loop, its instructions, and a number that loops have in common which differ in what
    they found in memory alone."""

    loop: Loop
    codes: Codes
    number: int
    alone: bool = False
    """It shares its number with none: another value in memory may be another place."""


class WaitWords:
    """The words of many CPUs, most of which wait in one loop: they are found once for each
    loop, and each value of the registers that are a CPU's own in it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._known: dict[tuple[int, ...], str] = {}
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
        """What a CPU waits for; empty if it does not."""
        wait = self._machine.waits.waiting.get(cpu.id)
        if wait is None:
            return monitored.told(self._machine, cpu)
        shape = self._shape(cpu, wait.loop)
        own = tuple(cpu.registers.get(name) for name, _, _ in wait.loop.unequal)
        known = self._known.get((shape.number, *own))
        if known is None:
            told = read_loop(cpu, wait.loop, shape.codes)
            known = _told(wait, looked_at(self._machine, wait, told))
            if told.by_values and not shape.alone:
                shape = shape._replace(number=next(self._count), alone=True)
                self._shapes[id(wait.loop)] = shape
            if len(self._known) >= LOOPS_MAX:
                self._known.clear()
            self._known[(shape.number, *own)] = known
        return known


def words_for(machine: Machine, cpu: Cpu) -> str:
    """`mailbox command == 1`, or addresses; with `or time` where a clock ends it too."""
    wait = machine.waits.waiting.get(cpu.id)
    if wait is None:
        return monitored.told(machine, cpu)
    codes = codes_of(machine, cpu, wait.loop)
    return _told(wait, looked_at(machine, wait, read_loop(cpu, wait.loop, codes)))


def _told(wait: Wait, found: list["LookedAt"]) -> str:
    """The words for the places that a loop looks at."""
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


def looked_at(machine: Machine, wait: Wait, told: LoopTold) -> list[LookedAt]:
    """All places that a loop looks at and that may let it go. Of a load of several mailbox
    fields, those of them that the code compares, or the first."""
    places = []
    for hpa, many, gva in told.deciding(wait.loop):
        for at in told.compared(gva, many) or [gva]:
            here = Hpa(hpa + at - gva)
            field = _field(machine, here)
            name = f"mailbox {field.name}" if field else ""
            size = min(field.size if field else many, gva + many - at)
            value = int.from_bytes(machine.board.memory.read(here, size), "little")
            name = name or machine.board.layout.symbols.name(at) or f"[{at:#x}]"
            places.append(LookedAt(name, told.conditions.get(at, ""), value))
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


def facts(
    machine: Machine, timeline: Timeline | None = None, cpus: Iterable[int] | None = None
) -> list[WaitFact]:
    """Every waiting CPU, or some of them, with its evidence. With a timeline, who wrote before
    a wait began is searched for in the past, for some time."""
    every = {*machine.waits.waiting, *machine.monitors.asleep}
    wanted = sorted(every if cpus is None else every & {*cpus})
    seen = [_seen(machine, machine.board.cpus[index]) for index in wanted]
    found = (
        {} if timeline is None else _searched(machine, timeline, [one.reads for one in seen])
    )
    return [_fact(machine, index, one, found) for index, one in zip(wanted, seen, strict=True)]


class _WaitSeen(NamedTuple):
    """A wait as it stands: on what, where, what is there now, and all that counts of it."""

    on: str
    where: str
    now: str
    reads: Reads


def _seen(machine: Machine, cpu: Cpu) -> _WaitSeen:
    wait = machine.waits.waiting.get(cpu.id)
    if wait is None:
        return _WaitSeen(
            monitored.told(machine, cpu), monitored.where(machine, cpu),
            monitored.now(machine, cpu), monitored.reads(machine, cpu),
        )  # fmt: skip
    told = _read(machine, cpu)
    places = looked_at(machine, wait, told)
    return _WaitSeen(
        _told(wait, places), machine.board.place_at(cpu, wait.loop.head),
        ", ".join(f"{one.value:#x}" for one in places[:3]), told.deciding(wait.loop),
    )  # fmt: skip


def _read(machine: Machine, cpu: Cpu) -> LoopTold:
    """What the code of the loop tells that a CPU waits in."""
    loop = machine.waits.waiting[cpu.id].loop
    return read_loop(cpu, loop, codes_of(machine, cpu, loop))


def deciding(machine: Machine, cpu: Cpu) -> Reads:
    """What a waiting CPU looks at that may let it go, without the pointers on the way to it."""
    return _read(machine, cpu).deciding(machine.waits.waiting[cpu.id].loop)


def _searched(machine: Machine, timeline: Timeline, looked_at: Iterable[Reads]) -> Searched:
    """Who changed what loops look at last, as far as it can be found in a while."""
    wanted = {
        (hpa, count): MemoryPlace("", "hpa", hpa, hpa, count)
        for reads in looked_at
        for hpa, count, _ in reads
        if machine.tracked.last_write(hpa, count) is None
    }
    if not wanted:
        return {}
    some = list(wanted.values())[:PLACES_MAX]
    changes = search.last_changes(timeline, some, SEARCHED_TICKS)
    return {
        key: NOBODY if one is None else LastWrite(one.cpu, one.tick)
        for key, where in wanted.items()
        if where in changes
        for one in (changes[where],)
    }


def _fact(machine: Machine, cpu: int, seen: _WaitSeen, searched: Searched) -> WaitFact:
    reads = seen.reads
    last = [
        machine.tracked.last_write(hpa, count) or searched.get((hpa, count))
        for hpa, count, _ in reads
    ]
    newest = max((one for one in last if one is not None), key=_tick, default=NOBODY)
    # What was changed before its page was watched was changed before what is newer than that.
    unknown = [
        read
        for read, one in zip(reads, last, strict=True)
        if one is None and not _before(machine, read[0], newest.tick)
    ]
    place = next((f"gva:{gva:#x}/{count}" for _, count, gva in (*unknown, *reads)), "")
    return WaitFact(
        cpu=cpu,
        on=seen.on,
        where=seen.where,
        now=seen.now,
        last_writer=None if unknown else newest.cpu,
        tick=None if unknown or newest is NOBODY else newest.tick,
        known=not unknown,
        place=place,
    )


def _tick(write: LastWrite) -> int:
    return write.tick


def _before(machine: Machine, hpa: Hpa, tick: int) -> bool:
    """Whether what changed a byte without being seen must have done so before a tick."""
    since = machine.tracked.seen_from(hpa)
    return since is not None and since <= tick
