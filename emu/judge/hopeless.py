"""What nothing can ever move on: by a CPU's own flags, by the loop it is in, or because nobody
is left who could.

HLT with RFLAGS.IF clear ends by NMI, SMI or INIT alone (SDM 2, HLT); a CPU that has shut down
ends by the same and by nothing else (SDM 3, 6.15, interrupt 8); one that waits for a SIPI hears
nothing but that (SDM 3, 10.4.4). A loop that reads no memory and no clock comes round for ever.
"""

from typing import Final, Literal

from msgspec import Struct

from emu.hw.cpu import SLEEPS, Cpu
from emu.judge import owners
from emu.machine.ipi import is_roused
from emu.machine.machine import Machine
from emu.machine.wait import Wait
from emu.vmm.devices import hotplug
from emu.words.spans import spans

How = Literal["fault", "stopped", "halted", "loop", "alone"]
"""`fault`: it shut down by a fault; `stopped`: somebody stopped it; `alone`: it could go on if
somebody did something for it, but nobody is left."""
DEAD: Final[tuple[How, ...]] = ("fault", "stopped")
ITSELF: Final[tuple[How, ...]] = ("fault", "stopped", "halted", "loop")
"""What a CPU is by itself, whatever the others do."""


class Hopeless(Struct, frozen=True):
    """Why a CPU does not go on."""

    how: How
    why: str


def of(machine: Machine, cpu: Cpu) -> Hopeless | None:
    """What holds a CPU for good whatever others store or send, but an NMI or INIT."""
    match cpu.activity:
        case "shutdown":
            how: How = "fault" if by_fault(machine, cpu) else "stopped"
            return Hopeless(how, cpu.reason)
        case "halted" if not is_roused(machine.board, cpu):
            return Hopeless("halted", "HLT with interrupts off: only NMI or INIT could wake it")
        case "waiting":
            loop = machine.waits.waiting.of(cpu.id).loop
            if not loop.reads and not loop.clock:
                return Hopeless("loop", "its loop reads nothing: no store, no clock can end it")
    return None


def listens(machine: Machine) -> bool:
    """Whether the CPU that the host's notices go to sleeps until one comes: the host may move
    all of them on."""
    asked = hotplug.notified(machine.board.vmm)
    if asked is None:
        return False
    cpu = machine.board.cpus[asked[0]]
    return cpu.activity in SLEEPS and is_roused(machine.board, cpu)


def by_fault(machine: Machine, cpu: Cpu) -> bool:
    """Whether a CPU that has shut down did so by a fault of its own: then that is in the log
    right before."""
    tick = since(machine, cpu)
    events = machine.board.logs.events
    for index in range(len(events) - 1, -1, -1):
        if events[index].tick < tick:
            break
        if events[index].cpu == cpu.id and events[index].kind == "fault":
            return True
    return False


def since(machine: Machine, cpu: Cpu) -> int:
    """The tick from which on a CPU has done what it does."""
    turns = machine.board.logs.turns
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].cpu == cpu.id:
            return turns[index].tick
    return 0


def everyone(machine: Machine) -> dict[int, Hopeless]:
    """Every CPU that nothing moves on any more, by its number."""
    board = machine.board
    found = {cpu.id: one for cpu in board.cpus if (one := of(machine, cpu)) is not None}
    if board.powered_off or board.crash or listens(machine):
        return found
    while len(found) < len(found | (more := _waiting_for(machine, found))):
        found |= more
    if not somebody_moves(machine, found):
        alone = Hopeless("alone", "nobody is left who could move it on")
        for cpu in board.cpus:
            if cpu.activity in ("waiting", *SLEEPS, "wait-for-sipi"):
                found.setdefault(cpu.id, alone)
    return found


def _waiting_for(machine: Machine, found: dict[int, Hopeless]) -> dict[int, Hopeless]:
    """CPUs that wait, however long, for what only others can change that do not go on."""
    more: dict[int, Hopeless] = {}
    if not found:
        return more
    for index, wait in machine.waits.waiting.items():
        if index in found or by_itself(wait) or machine.board.aps.is_parked(index):
            continue
        whose = owners.of(machine, machine.board.cpus[index], wait.loop)
        if whose and all(one in found for one in whose):
            names = f"cpu {spans(whose)}"
            more[index] = Hopeless("alone", f"what it waits for is for {names} to change")
    return more


def somebody_moves(machine: Machine, hopeless: dict[int, Hopeless]) -> bool:
    """Whether a CPU executes, or will by itself, or something comes due in time."""
    if any(alarm.due_ps(machine.board) is not None for alarm in machine.alarms):
        return True
    return any(
        cpu.activity == "running" or (wait is not None and by_itself(wait))
        for cpu in machine.board.cpus
        if cpu.id not in hopeless
        for wait in (machine.waits.waiting.get(cpu.id),)
    )


def by_itself(wait: Wait) -> bool:
    """Whether a wait ends, or is known to end, without another store."""
    return wait.loop.clock or wait.last_ps is not None
