"""What a waiting CPU waits for, in words, and who could have ended it last."""

from dataclasses import dataclass

from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.machine.tracked import GRANULE
from emu.machine.waits import Wait
from emu.mailbox.layout import FIELDS


@dataclass(frozen=True, slots=True)
class WaitFact:
    """One waiting CPU: on what, and who changed that last (None: nobody) at which tick."""

    cpu: int
    on: str
    last_writer: int | None
    tick: int | None


def words_for(machine: Machine, cpu: Cpu) -> str:
    """`mailbox command, apic_id`, or addresses; with `or time` where a clock ends it too."""
    wait = machine.waits.waiting.get(cpu.id)
    if wait is None:
        return ""
    names = list(dict.fromkeys(name_of(machine, wait, gva) for _, _, gva in wait.loop.reads))
    text = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    if not text:
        return "time" if wait.loop.clock else "nothing: it loops for ever"
    return f"{text} or time" if wait.loop.clock else text


def name_of(machine: Machine, wait: Wait, gva: int) -> str:
    """A byte that a loop looks at, as a mailbox field, a symbol or an address."""
    hpa = next(place for place, _, address in wait.loop.reads if address == gva)
    page = machine.ram.page_at(hpa)
    if page is not None and page == machine.mailbox_gpa:
        offset = hpa % 4096
        for field in FIELDS:
            if field.offset <= offset < field.offset + field.size:
                return f"mailbox {field.name}"
    return machine.layout.symbols.name(gva) or f"[{gva:#x}]"


def facts(machine: Machine) -> list[WaitFact]:
    """Every waiting CPU with its evidence."""
    found = []
    for index, wait in sorted(machine.waits.waiting.items()):
        written = [
            machine.tracked.writers[hpa & ~(GRANULE - 1)]
            for hpa, _, _ in wait.loop.reads
            if hpa & ~(GRANULE - 1) in machine.tracked.writers
        ]
        who, tick = max(written, key=lambda pair: pair[1], default=(None, None))
        on = words_for(machine, machine.cpus[index])
        found.append(WaitFact(index, on, who, tick))
    return found
