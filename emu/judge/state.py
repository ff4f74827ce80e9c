"""What each CPU does in one word, and how far it has come."""

from typing import Final

from emu.hw.cpu import SLEEPS, Cpu
from emu.judge.verdict import CpuState
from emu.machine.handover import ap_record
from emu.machine.machine import Machine
from emu.mailbox.ap import OSES

SIDECAR: Final = "sidecar"
"""What the loader calls the memory of openhcl's helper, which has the APs for the OS."""


def state_of(machine: Machine, cpu: Cpu) -> CpuState:
    """What a CPU is doing in one word; what it is for counts more than how it passes time."""
    record = ap_record(machine.board, cpu)
    state = machine.board.aps.of(cpu.id)
    if record is not None and record.failed and state != "online":
        return "failed"
    match cpu.activity:
        case "off" | "wait-for-sipi" | "shutdown":
            return cpu.activity
        case "running" if not machine.board.powered_off:
            return "running"
        case "waiting" | "halted" | "mwait" | "running":
            if state == "online":
                return "online"
            if machine.board.aps.is_parked(cpu.id):
                return "parked"
            if cpu.activity == "running":
                return "running"
            if in_sidecar(machine, cpu):
                return "sidecar-idle"
            return "spinning" if cpu.activity == "waiting" else cpu.activity


def in_sidecar(machine: Machine, cpu: Cpu) -> bool:
    """Whether an AP waits, by HLT, MWAIT or in a loop, in code of the sidecar's image: it is
    meant to, until the OS sends it a command (openvmm,
    `openhcl/sidecar/src/arch/x86_64/vp.rs`, park_until)."""
    if not cpu.id or cpu.activity not in (*SLEEPS, "waiting"):
        return False
    board = machine.board
    some = [one for one in board.layout.regions if one.name == SIDECAR]
    gpa = board.virtual.gpa(cpu.registers, board.linear_rip(cpu)) if some else None
    return gpa is not None and any(one.gpa <= gpa < one.gpa + one.size for one in some)


def states(machine: Machine) -> list[CpuState]:
    """What every CPU is doing."""
    return [state_of(machine, cpu) for cpu in machine.board.cpus]


def gave_up(machine: Machine) -> bool:
    """Whether the BSP came to where the guest gives the boot up."""
    return machine.board.aps.of(0) == "gave-up"


def came(machine: Machine, cpu: Cpu) -> bool:
    """Whether a CPU came to where it is meant to end: it is online, or where nothing tells that
    of these images, it arrived at its vector; it idles in the sidecar; the BSP hands over to
    itself."""
    if in_sidecar(machine, cpu):
        return True
    if machine.board.roles.of("online"):
        return state_of(machine, cpu) == "online"
    return cpu.id == 0 or machine.board.aps.of(cpu.id) in OSES
