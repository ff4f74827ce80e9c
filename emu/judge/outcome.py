"""How a boot ended, and what each CPU does in one word."""

from emu.hw.cpu import Cpu
from emu.judge import offered
from emu.judge.progress import no_progress, slow_or_stuck
from emu.judge.verdict import CpuState, Verdict
from emu.machine.handover import ap_record
from emu.machine.machine import Machine
from emu.machine.pause import Pause
from emu.mailbox.ap import OSES
from emu.words.spans import spans


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
        case "waiting" | "halted" | "running":
            if state == "online":
                return "online"
            if machine.board.aps.is_parked(cpu.id):
                return "parked"
            if cpu.activity == "running":
                return "running"
            return "spinning" if cpu.activity == "waiting" else "halted"


def gave_up(machine: Machine) -> bool:
    """Whether the BSP came to where the guest gives the boot up."""
    return machine.board.aps.of(0) == "gave-up"


def verdict(machine: Machine, why: Pause, held: frozenset[int] = frozenset()) -> Verdict:
    """Judge a machine that will not run on by itself, or that was cut off: by the limit
    (BUDGET) or the watchdog (STUCK)."""
    if machine.board.crash:
        return Verdict("crashed", machine.board.crash)
    if why is Pause.BUDGET:
        words = slow_or_stuck(machine)
        return Verdict(
            "limit", f"still running after {machine.board.tick:,} instructions; {words}"
        )
    if why is Pause.STUCK:
        return Verdict("hung", no_progress(machine))
    if why is Pause.HUNG:
        return Verdict("hung", _why_hung(machine, held))
    return _switched_off(machine)


def came(machine: Machine, cpu: Cpu) -> bool:
    """Whether a CPU came to the OS: it is online, or where nothing tells that of these images,
    it arrived at its vector; the BSP hands over to itself."""
    if machine.board.roles.of("online"):
        return state_of(machine, cpu) == "online"
    return cpu.id == 0 or machine.board.aps.of(cpu.id) in OSES


def _switched_off(machine: Machine) -> Verdict:
    board, known = machine.board, bool(machine.board.roles.of("online"))
    if not known and not board.aps.history:
        return Verdict("booted", "the guest switched the machine off")
    away = {cpu.id for cpu in board.cpus if not came(machine, cpu)}
    withheld = away & offered.withheld(machine).keys()
    lost, nobodys = sorted(away - withheld), offered.missing(machine)
    count, words = len(board.cpus), "came online" if known else "reached the OS"
    told = f"; not offered by the host's tree: {spans(sorted(withheld))}" if withheld else ""
    if nobodys:
        ids = ", ".join(f"{one:#x}" for one in nobodys)
        told += f"; the host's tree offers APIC ids that no CPU has: {ids}"
    if lost or nobodys:
        some = f"; lost: {', '.join(map(str, lost))}" if lost else ""
        return Verdict("degraded", f"{count - len(away)} of {count} CPUs {words}{some}{told}")
    who = "the only CPU" if count - len(away) == 1 else f"all {count - len(away)} CPUs"
    return Verdict("booted", f"{who} {words} and the guest switched off{told}")


def _why_hung(machine: Machine, held: frozenset[int]) -> str:
    """Nothing can ever run again: who sleeps, and on what."""
    parts = []
    for state in ("waiting", "halted", "wait-for-sipi", "off", "shutdown"):
        ids = [str(cpu.id) for cpu in machine.board.cpus if cpu.activity == state]
        if ids:
            shown = ", ".join(ids[:8]) + (", ..." if len(ids) > 8 else "")
            parts.append(f"{len(ids)} {state} ({shown})")
    if held:
        parts.append(f"held: {', '.join(map(str, sorted(held)))}")
    if gave_up(machine):  # a machine without a host to tell can only be halted
        said = machine.board.vmm.serial.decode("utf-8", "replace").rstrip()
        return f"the guest gave up: {said.rpartition(chr(10))[2]}"
    return f"no CPU can ever run again: {'; '.join(parts)}"
