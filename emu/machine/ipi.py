"""What arrives at a CPU from outside: INIT, start-up IPIs, interrupts and NMIs; when it takes
them, and whether it sleeps meanwhile."""

from typing import Final, Protocol

from emu.boot.mwait import Depth
from emu.hw import interrupt
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine import entry
from emu.machine.board import Board
from emu.machine.cpu_witness import CpuWitness
from emu.machine.event import Arrival
from emu.machine.exceptions import raise_exception
from emu.machine.execute import execute
from emu.machine.monitors import Monitors
from emu.machine.own_access import OwnAccess
from emu.machine.waits import Waits
from emu.machine.witness import Witness
from emu.vmm import apic
from emu.vmm import effects as fx
from emu.vmm.msrs import kvm
from emu.vmm.state import NMI_PENDING

_FLAG_IF: Final = 1 << 9
_RESERVED_SIPI: Final = range(0xA0, 0xC0)
"""No memory is there to start in (MP specification 1.4, B.4.2)."""


class Receives(Protocol):
    """Whoever has the parts that signals reach."""

    board: Board
    own: OwnAccess
    waits: Waits
    monitors: Monitors
    witness: Witness
    cpu_witness: CpuWitness


def send(
    parts: Receives, cpu: Cpu, effect: fx.SendInit | fx.SendSipi | fx.SendInterrupt
) -> None:
    """What one CPU sends another arrives there."""
    target = parts.board.cpus[effect.cpu]
    match effect:
        case fx.SendInit():
            init(parts, cpu, target)
        case fx.SendSipi(_, vector):
            sipi(parts, cpu, target, vector)
        case fx.SendInterrupt(_, vector, is_nmi, ipi):
            if ipi:
                what = "NMI" if is_nmi else f"interrupt {vector:#x}"
                arrives(parts.board, cpu, target, what, _keeps_out(parts.board, target, is_nmi))
            if is_nmi:
                nmi(parts, cpu, target)
            else:
                interrupt_cpu(parts, cpu, target, vector)


def arrives(board: Board, cpu: Cpu, target: Cpu, what: str, then: str = "") -> None:
    """What a CPU has sent is there: an event of its target, on the sender's clock."""
    sender = "itself" if cpu is target else f"cpu {cpu.id}"
    words = f"{what} from {sender} arrives{then}"
    board.event(target, "state", words, Arrival(cpu.id), when=cpu)


def _keeps_out(board: Board, target: Cpu, is_nmi: bool) -> str:
    """Why a CPU does not take at once what arrives; empty if it does."""
    if target.context is None:
        return ", and waits: it has not started"
    if is_nmi:
        return (
            ", and waits: another one is being handled" if target.registers.nmi_blocked else ""
        )
    return "" if is_open(target) else ", and waits: interrupts are off"


# -- INIT and SIPI -----------------------------------------------------------------------


def init(parts: Receives, cpu: Cpu, target: Cpu) -> None:
    """INIT: whatever the CPU did, its registers are as in SDM 3, table 9-1. The bootstrap
    processor begins at its reset vector, any other waits for a start-up IPI (8.4.2)."""
    board, vp = parts.board, parts.board.vmm.vps[target.id]
    parts.waits.forget(target)
    parts.monitors.forget(target)
    reset_apic(board, target)
    board.vmm.msrs.pop((target.id, kvm.SYSTEM_TIME), None)
    old = target.context
    if old is not None:  # one that never ran has had its reset already
        board.enter(target, entry.after_init(old.get("cr0")))
        target.registers.keep_over_init(old)
    if not apic.is_boot_processor(board.vmm, target.id):
        arrives(board, cpu, target, "INIT", ": it waits for a SIPI")
        vp.wait_for_sipi = True
        board.turn(target, "wait-for-sipi")
        return
    moment = max(target.clock_ps, cpu.clock_ps)
    board.go_on(target, moment, "started", cpu.id, cpu.clock_ps)
    board.begins(target)
    arrives(board, cpu, target, "INIT", ": it begins again at its reset vector")


def sipi(parts: Receives, cpu: Cpu, target: Cpu, vector: int) -> None:
    """A start-up IPI; one to a CPU that does not wait for it is lost (SDM 3, 10.4.4)."""
    board = parts.board
    if target.activity != "wait-for-sipi":
        sender = "itself" if cpu is target else f"cpu {cpu.id}"
        words = f"SIPI {vector:#x} from {sender} is dropped: {_why_lost(board, target)}"
        board.event(target, "state", words, Arrival(cpu.id), when=cpu)
        return
    vp = board.vmm.vps[target.id]
    vp.wait_for_sipi, vp.started = False, True
    moment = cpu.clock_ps + board.platform.starts_in_ns(target.id, "sipi_ns") * 1000
    board.go_on(target, moment, "started", cpu.id, cpu.clock_ps)
    if target.context is None:
        board.enter(target, entry.after_init(entry.CR0_AFTER_RESET))
    target.registers.put_segment("cs", entry.code_after_sipi(vector))
    target.registers.put("rip", 0)
    board.begins(target)
    parts.witness.started(cpu, target.id, "SIPI")
    parts.cpu_witness.started(cpu, target)
    odd = ", where no memory may be" if vector in _RESERVED_SIPI else ""
    arrives(board, cpu, target, f"SIPI {vector:#x}", f": it starts at {vector << 12:#x}{odd}")


def _why_lost(board: Board, target: Cpu) -> str:
    if board.vmm.vps[target.id].started:
        return f"cpu {target.id} is not waiting for one"
    return f"cpu {target.id} has had no INIT"


def reset_apic(board: Board, cpu: Cpu) -> None:
    """The APIC is as at power-up but for its id and its mode: nothing is requested or served,
    every local source is masked (SDM 3, 11.4.7.1 and 11.4.7.3)."""
    vp, msrs = board.vmm.vps[cpu.id], board.vmm.msrs
    vp.pending = vp.in_service = vp.errors = 0
    for register in apic.POWER_UP:
        msrs.pop((cpu.id, register), None)
    board.vmm.timers.pop(cpu.id, None)


# -- interrupts and NMIs -----------------------------------------------------------------


def interrupt_cpu(parts: Receives, cpu: Cpu, target: Cpu, vector: int) -> None:
    """A vector is requested of a CPU; one below 16 is an error of its APIC's."""
    if vector < apic.LOWEST_VECTOR:
        apic_error(parts, target, apic.RECEIVE_ILLEGAL)
        return
    parts.board.vmm.vps[target.id].request(vector)
    _notice(parts, cpu, target)


def nmi(parts: Receives, cpu: Cpu, target: Cpu) -> None:
    """An NMI arrives; several that wait are one (SDM 3, 6.7.1)."""
    parts.board.vmm.vps[target.id].pending |= NMI_PENDING
    _notice(parts, cpu, target)


def _notice(parts: Receives, cpu: Cpu, target: Cpu) -> None:
    """A CPU that sleeps wakes to look at what has arrived."""
    if target.activity == "mwait" and _wakes(parts.board, target):
        parts.monitors.wake(target, cpu.clock_ps, "interrupted", cpu.id)
    elif target.activity == "halted" and _wakes(parts.board, target):
        moment = max(target.clock_ps, cpu.clock_ps)
        parts.board.go_on(target, moment, "interrupted", cpu.id, cpu.clock_ps)
        parts.board.turn(target, "running")
        parts.board.reschedule = True
    parts.waits.wake(target, cpu.clock_ps, "interrupted", cpu.id)


def is_open(cpu: Cpu) -> bool:
    """Whether a CPU's flags let interrupts in."""
    return bool(cpu.registers.get("rflags") & _FLAG_IF)


def _takes_nmi(board: Board, cpu: Cpu) -> bool:
    """Whether an NMI waits that comes now. The TDX module keeps one back until the last #VE was
    read (`td_nmi_exit`)."""
    if not board.vmm.vps[cpu.id].pending & NMI_PENDING or cpu.registers.nmi_blocked:
        return False
    return board.vmm.ve_info.get(cpu.id) is None


def _is_due(board: Board, cpu: Cpu) -> bool:
    """Whether a CPU will take something that waits, at the next instruction's border but for
    the one behind STI."""
    waiting = board.vmm.vps[cpu.id].pending
    if _takes_nmi(board, cpu):
        return True
    return bool(waiting) and is_open(cpu) and apic.offered(board.vmm, cpu.id) is not None


def is_roused(board: Board, cpu: Cpu) -> bool:
    """Whether an interrupt wakes a CPU that sleeps by HLT or MWAIT."""
    return is_open(cpu) or board.vmm.vps[cpu.id].masked_wakes


def _wakes(board: Board, cpu: Cpu) -> bool:
    """Whether something waits that wakes a CPU that sleeps by HLT or MWAIT."""
    masked = board.vmm.vps[cpu.id].masked_wakes
    return _is_due(board, cpu) or (masked and apic.offered(board.vmm, cpu.id) is not None)


def halt(parts: Receives, cpu: Cpu, masked_wakes: bool = False) -> None:
    """HLT: the CPU sleeps, unless something waits that wakes it at once. To idle is no event,
    but to sleep where no interrupt does is one."""
    board = parts.board
    board.vmm.vps[cpu.id].masked_wakes = masked_wakes
    if _wakes(board, cpu):
        return
    board.turn(cpu, "halted")
    if not is_roused(board, cpu):
        only = "only an INIT" if cpu.registers.nmi_blocked else "only an NMI or INIT"
        where = board.place_at(cpu, board.linear_rip(cpu) - 1)  # the instruction has retired
        board.event(cpu, "exit", f"halts at {where} with interrupts off: {only} wakes it")


def monitor_wait(parts: Receives, cpu: Cpu, depth: Depth, masked_wakes: bool) -> None:
    """MWAIT: the CPU sleeps if the line that it monitors has had no store since, and nothing
    waits that wakes it. What ends it or keeps it from sleeping also ends the monitoring (SDM 3,
    10.10.4: it does not arm anew)."""
    parts.board.vmm.vps[cpu.id].masked_wakes = masked_wakes
    if cpu.id in parts.monitors.armed and not _wakes(parts.board, cpu):
        parts.monitors.sleep(cpu, depth)
    else:
        parts.monitors.disarm(cpu)


def take_interrupt(parts: Receives, cpu: Cpu) -> bool:
    """Deliver what the CPU lets in, if there is anything: an NMI, else the highest vector.

    To be asked at every border between instructions at which one may have become due: then it
    is taken at the first of them, wherever somebody stops. A load of SS holds back both kinds
    (SDM 3, 6.8.3), and STI does so on some processors (SDM 3, 25.3.1.5, blocking by STI)."""
    board = parts.board
    if not _is_due(board, cpu) or cpu.registers.holds_interrupts:
        return False
    vp, registers = board.vmm.vps[cpu.id], cpu.registers
    if _takes_nmi(board, cpu):
        vp.pending &= ~NMI_PENDING
        registers.block_nmi()
        number = interrupt.NMI
    else:
        vector = apic.offered(board.vmm, cpu.id)
        assert vector is not None, "something is due"
        vp.pending &= ~(1 << vector)
        vp.in_service |= 1 << vector
        number = vector
    board.beat += 1
    parts.monitors.disarm(cpu)
    raised = fx.RaiseException(number, None, interrupt.name_of(number))
    raise_exception(parts, cpu, raised, external=True)
    return True


def awaits_window(board: Board, cpu: Cpu) -> bool:
    """Whether an interrupt waits that comes as soon as the CPU's flags let it in, which no exit
    tells. Whatever else may let one in (TPR, EOI, the IRET of an NMI's handler) exits."""
    return apic.offered(board.vmm, cpu.id) is not None


def end_nmi(board: Board, cpu: Cpu, exit_: Exit) -> Exit:
    """What becomes of a run that ended in `exit_`: if that was the IRET of an NMI's handler, it
    is executed now, and retired. From here on the next NMI is taken, behind it or behind the
    fault that it raises (SDM 3, 28.2.3, NMI unblocking due to IRET). It is no exit of the
    guest's, and no tick, beat or slice is another one by it."""
    if exit_.kind is not ExitKind.INTERCEPT:
        return exit_
    cpu.registers.unblock_nmi()
    done = execute(board, cpu)
    return done._replace(executed=exit_.executed + done.executed)


ApicEffect = fx.EndInterrupt | fx.ApicError | fx.LatchErrors | fx.ResetApic


def change_apic(parts: Receives, cpu: Cpu, effect: ApicEffect) -> None:
    """What changes in an APIC without an interrupt."""
    vmm = parts.board.vmm
    vp = vmm.vps[cpu.id]
    match effect:
        case fx.EndInterrupt():
            vp.in_service &= ~(1 << vp.in_service.bit_length() >> 1)
        case fx.ApicError(_, bits):
            apic_error(parts, cpu, bits)
        case fx.LatchErrors():
            vmm.msrs[cpu.id, apic.ERRORS], vp.errors = vp.errors, 0
        case fx.ResetApic():
            reset_apic(parts.board, cpu)


def apic_error(parts: Receives, cpu: Cpu, bits: int) -> None:
    """Errors are noted, and interrupt the CPU by its own vector for that if it has one."""
    vmm = parts.board.vmm
    vmm.vps[cpu.id].errors |= bits
    lvt = vmm.msrs.get((cpu.id, apic.LVT_ERROR), apic.MASKED)
    if not lvt & apic.MASKED and lvt & 0xFF >= apic.LOWEST_VECTOR:
        interrupt_cpu(parts, cpu, cpu, lvt & 0xFF)
