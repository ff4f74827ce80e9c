"""Whose bytes a waiting CPU looks at: whose doing alone can end its wait."""

from emu.hw.address import PAGE_BYTES, Hpa
from emu.hw.cpu import Cpu
from emu.machine import handover
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.mailbox.layout import HEAD_BYTES, read_head


def of(machine: Machine, cpu: Cpu, loop: Loop) -> tuple[int, ...]:
    """The CPUs whose own bytes a loop looks at: an AP's record, or a command for it."""
    board, found = machine.board, []
    for hpa, _, _ in loop.reads:
        page = board.ram.page_at(hpa)
        if page is None:
            continue
        whose = handover.record_owner(board, page + hpa % PAGE_BYTES)
        if page == board.mailbox_gpa:
            head = read_head(board.memory.read(Hpa(hpa - hpa % PAGE_BYTES), HEAD_BYTES))
            named = [one.id for one in board.cpus if one.apic_id == head.apic_id]
            whose = named[0] if head.command and named else None
        if whose not in (None, cpu.id):
            found.append(whose)
    return tuple(dict.fromkeys(one for one in found if one is not None))
