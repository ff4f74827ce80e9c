"""The mailbox decoded, and how far each AP is in the protocol."""

from collections.abc import Sequence
from typing import Final

from emu.hw.address import Gpa
from emu.hw.cpu import Cpu
from emu.judge.verdict import CpuState
from emu.machine.machine import Machine
from emu.mailbox.ap import ApState
from emu.mailbox.layout import HEAD_BYTES, command_name, read_head
from emu.picture.view import ApProgress, MailboxView


def mailbox_view(machine: Machine, states: Sequence[CpuState]) -> MailboxView | None:
    """The mailbox page and how far each AP is; None where no mailbox is known. `states`: what
    each CPU does (`emu.judge.state`)."""
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
        aps=tuple(progress(machine, cpu, states[cpu.id]) for cpu in machine.board.cpus[1:]),
    )


_NEXT: Final[dict[ApState, str]] = {
    "starting": "it reaches the mailbox",
    "parked": "the OS stores its id, a vector and Wakeup",
    "woken": "it reads the vector and clears the command",
    "acked": "it jumps to the vector",
    "arrived": "the OS takes it",
    "online": "",
    "left": "it comes back to the mailbox",
    "gave-up": "nothing: its code has given up",
}
"""What an AP that goes on does next, or has done to it."""
_STANDS: Final[dict[CpuState, str]] = {
    "off": "somebody starts it",
    "wait-for-sipi": "a SIPI starts it",
    "shutdown": "nothing: it has shut down",
    "failed": "nothing: its record says that it failed",
}
"""What an AP needs first that does not go on at all, however far it is."""
_FIRST: Final[dict[CpuState, str]] = {
    "halted": "an interrupt ends its HLT",
    "mwait": "a store to its line ends its MWAIT",
    "spinning": "what it waits for comes",
    "sidecar-idle": "the OS sends the sidecar a command for it",
}
"""The same of one that will, behind which the protocol goes on."""
_NOTHING: Final = "nothing"
_ALWAYS: Final[tuple[CpuState, ...]] = ("shutdown", "failed")
"""Nothing comes next of these, whatever the protocol says."""


def what_next(step: ApState, does: CpuState) -> str:
    """What has to come next for an AP to go on, by how far it is and what it does; empty where
    nothing is missing, and beginning with `nothing` where nothing can come."""
    if does in _STANDS and (does in _ALWAYS or step != "gave-up"):
        return _STANDS[does]
    then = _NEXT[step]
    if (step, does) == ("parked", "running"):
        return f"it looks at the mailbox again, then {then}"  # it may be on its way elsewhere
    # An OS lets its CPUs rest as it likes; one that has given up may halt.
    if does in _FIRST and then and not then.startswith(_NOTHING):
        return f"{_FIRST[does]}, then {then}"
    return then


def progress(machine: Machine, cpu: Cpu, does: CpuState) -> ApProgress:
    """Where one AP is in the protocol, and what must come next."""
    steps, state = machine.board.aps.history.get(cpu.id, ()), machine.board.aps.of(cpu.id)
    then = what_next(state, does)
    stuck = then.startswith(_NOTHING)
    if state == "starting":
        step = "off" if cpu.context is None else state
        return ApProgress(cpu.id, step, 0, 0, then, steps, stuck)
    last = steps[-1]
    return ApProgress(cpu.id, state, last.tick, last.virtual_ns, then, steps, stuck)
