"""The mailbox decoded, and how far each AP is in the protocol."""

from emu.hw.address import Gpa
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.mailbox.ap import ApState
from emu.mailbox.layout import HEAD_BYTES, command_name, read_head
from emu.picture.view import ApProgress, MailboxView


def mailbox_view(machine: Machine) -> MailboxView | None:
    """The mailbox page and how far each AP is; None where no mailbox is known."""
    gpa = machine.board.mailbox_gpa
    data = None if gpa is None else machine.board.ram.guest_bytes(gpa, HEAD_BYTES)
    if gpa is None or data is None:
        return None
    head = read_head(data)
    return MailboxView(
        gpa=gpa,
        page_state=machine.board.ram.state(Gpa(gpa)) or "none",
        command=head.command,
        command_name=command_name(head.command),
        reserved=head.reserved,
        apic_id=head.apic_id,
        vector=head.vector,
        vector_symbol=machine.board.layout.symbols.name(head.vector) if head.vector else "",
        aps=tuple(progress(machine, cpu) for cpu in machine.board.cpus[1:]),
    )


_NEXT: dict[ApState, str] = {
    "starting": "it reaches the mailbox",
    "parked": "the OS stores its id, a vector and Wakeup",
    "woken": "it reads the vector and clears the command",
    "acked": "it jumps to the vector",
    "arrived": "the OS takes it",
    "online": "",
    "left": "it comes back to the mailbox",
    "gave-up": "",
}


def progress(machine: Machine, cpu: Cpu) -> ApProgress:
    """Where one AP is in the protocol, and what must come next."""
    steps, state = machine.board.aps.history.get(cpu.id, ()), machine.board.aps.of(cpu.id)
    if state == "starting":
        step, then = ("off", "it starts") if cpu.context is None else (state, _NEXT[state])
        return ApProgress(cpu.id, step, 0, 0, then, steps)
    last = steps[-1]
    return ApProgress(cpu.id, state, last.tick, last.virtual_ns, _NEXT[state], steps)
