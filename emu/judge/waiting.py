"""What a waiting CPU waits for, in words, and who could have ended it last."""

from collections.abc import Iterable
from typing import Final

from emu.boot.disasm import Instruction, decode
from emu.hw.address import Hpa
from emu.hw.cpu import Cpu
from emu.judge.conditions import Codes, Reads, read_loop
from emu.judge.verdict import WaitFact
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.machine.tracked import NOBODY, LastWrite
from emu.machine.wait import Wait
from emu.mailbox.layout import FIELDS
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
    told = read_loop(cpu, wait.loop, codes or codes_of(machine, cpu, wait.loop))
    names = list(dict.fromkeys(
        f"{name_of(machine, wait, gva)} {told.conditions.get(gva, '')}".rstrip()
        for _, _, gva in told.deciding(wait.loop)
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
    return [instruction_at(machine, cpu, rip) for rip in loop.path]


def instruction_at(machine: Machine, cpu: Cpu, rip: int) -> Instruction | None:
    """What a CPU would execute at an address of its code segment; None for what cannot be
    read."""
    registers = cpu.registers
    data = machine.board.virtual.most(registers, rip, INSTRUCTION_BYTES)
    return decode(data, rip, registers.mode)


def facts(
    machine: Machine, timeline: Timeline | None = None, cpus: Iterable[int] | None = None
) -> list[WaitFact]:
    """Every waiting CPU, or some of them, with its evidence. With a timeline, who wrote before
    a wait began is searched for in the past, for some time."""
    wanted = sorted(machine.waits.waiting if cpus is None else cpus)
    reads = {index: deciding(machine, machine.board.cpus[index]) for index in wanted}
    found = {} if timeline is None else _searched(machine, timeline, reads.values())
    return [_fact(machine, machine.board.cpus[one], reads[one], found) for one in wanted]


def deciding(machine: Machine, cpu: Cpu) -> Reads:
    """What a waiting CPU looks at that may let it go, without the pointers on the way to it."""
    loop = machine.waits.waiting[cpu.id].loop
    return read_loop(cpu, loop, codes_of(machine, cpu, loop)).deciding(loop)


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


def _fact(machine: Machine, cpu: Cpu, reads: Reads, searched: Searched) -> WaitFact:
    loop, memory = machine.waits.waiting[cpu.id].loop, machine.board.memory
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
    values = [int.from_bytes(memory.read(hpa, count), "little") for hpa, count, _ in reads]
    return WaitFact(
        cpu=cpu.id,
        on=words_for(machine, cpu),
        where=machine.board.layout.symbols.name(loop.head),
        now=", ".join(f"{value:#x}" for value in values[:3]),
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
