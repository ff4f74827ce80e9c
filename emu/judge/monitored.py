"""What a CPU waits for by MWAIT: the line that it monitors."""

from typing import Final

from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.cpu import Cpu
from emu.judge.conditions import Reads
from emu.machine.machine import Machine
from emu.mailbox.layout import FIELDS
from emu.vmm.cpuid import LINE_BYTES

_SHOWN: Final = 8
_MWAIT_BYTES: Final = 3


def line_words(machine: Machine, cpu: Cpu) -> str:
    """`the line of mailbox command`; empty for a CPU that does not wait so."""
    if cpu.id not in machine.monitors.asleep:
        return ""
    return f"the line of {_name(machine, cpu)}"


def told(machine: Machine, cpu: Cpu) -> str:
    """The same with the depth in which it waits; empty if it does not."""
    line = line_words(machine, cpu)
    return line and f"{line} by MWAIT {machine.monitors.asleep[cpu.id]}"


def _name(machine: Machine, cpu: Cpu) -> str:
    """What lies at the address that it gave to MONITOR."""
    armed, board = machine.monitors.armed[cpu.id], machine.board
    if armed.page == board.mailbox_gpa:
        offset = armed.gva % PAGE_BYTES
        for field in FIELDS:
            if field.offset <= offset < field.offset + field.size:
                return f"mailbox {field.name}"
    return board.layout.symbols.name(armed.gva) or f"[{armed.gva:#x}]"


def reads(machine: Machine, cpu: Cpu) -> Reads:
    """The whole line, as a loop's loads are given."""
    armed = machine.monitors.armed[cpu.id]
    return ((armed.hpa, LINE_BYTES, armed.gva - armed.gva % LINE_BYTES),)


def place(machine: Machine, cpu: Cpu) -> tuple[Hpa, int]:
    """(HPA, bytes): eight at the address that it gave, as far as they lie in the line."""
    armed = machine.monitors.armed[cpu.id]
    inside = armed.gva % LINE_BYTES
    return Hpa(armed.hpa + inside), min(_SHOWN, LINE_BYTES - inside)


def address(machine: Machine, cpu: Cpu) -> int:
    """Of its MWAIT, which is over for its registers."""
    return machine.board.linear_rip(cpu) - _MWAIT_BYTES
