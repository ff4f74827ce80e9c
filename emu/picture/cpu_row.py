"""One CPU in a row: where it is, what it does, and what it waits for."""

from collections.abc import Callable

from emu.hw.cpu import Cpu
from emu.judge.fate import Ground, fate
from emu.judge.state import state_of
from emu.judge.waiting import words_for
from emu.machine.ipi import is_open
from emu.machine.machine import Machine
from emu.picture.view import CpuView

PlaceNames = tuple[str, str]
"""Symbol with offset, and `file:line`; empty where there is none."""


def place_of(machine: Machine, address: int) -> PlaceNames:
    """What a linear address is called."""
    line = machine.board.layout.lines.line_of(address)
    name = machine.board.layout.symbols.name(address)
    return name, "" if line is None else f"{line[0]}:{line[1]}"


def cpu_view(
    machine: Machine,
    cpu: Cpu,
    known: Ground,
    place: Callable[[Machine, int], PlaceNames] = place_of,
    words: Callable[[Cpu], str] | None = None,
    clock_ps: int | None = None,
) -> CpuView:
    """One CPU in a row; whoever looks at many brings what is known of places and waits."""
    state, withheld = state_of(machine, cpu), known.withheld.get(cpu.id, "")
    became = fate(machine, cpu, known, state)
    why = withheld if became == "not offered" else why_still(cpu)
    if cpu.context is None:
        return CpuView(cpu.id, cpu.apic_id, state, "", 0, "", "", "", why, 0, 0, became)
    address = machine.board.linear_rip(cpu)
    symbol, line = place(machine, machine.board.origin(cpu))
    clock = machine.waits.clock_of(cpu) if clock_ps is None else clock_ps
    return CpuView(
        id=cpu.id,
        apic_id=cpu.apic_id,
        state=state,
        mode=cpu.context.mode,
        rip=address,
        symbol=symbol,
        line=line,
        milestone=cpu.milestone,
        waits=(words_for(machine, cpu) if words is None else words(cpu)) or why,
        ticks=cpu.ticks,
        virtual_ns=clock // 1000,
        fate=became,
    )


def why_still(cpu: Cpu) -> str:
    """Why a CPU cannot execute anything now, empty if it can."""
    match cpu.activity:
        case "off":
            return "nobody has started it"
        case "wait-for-sipi":
            return "a SIPI"
        case "halted":
            return "an interrupt" if is_open(cpu) else "an NMI or INIT: interrupts are off"
        case "mwait":
            return "a store to its line"
        case "shutdown":
            return cpu.reason
        case "running" | "waiting":
            return ""
