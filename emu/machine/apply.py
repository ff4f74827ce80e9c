"""What a decision does to the machine: one function per effect that is more than a line."""

from typing import Final, Protocol, assert_never

from emu.hw import interrupt, syscall
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.machine import entry
from emu.machine.board import Board
from emu.machine.cpu_witness import CpuWitness
from emu.machine.own_access import OwnAccess
from emu.machine.stores import Stores
from emu.machine.waits import Waits
from emu.machine.witness import Witness
from emu.vmm import effects as fx

_FLAG_IF: Final = 1 << 9
NMI_PENDING: Final = 256
"""Stands for an NMI in VpState.pending."""


class Parts(Protocol):
    """Whoever has the parts that effects reach."""

    board: Board
    stores: Stores
    own: OwnAccess
    waits: Waits
    witness: Witness
    cpu_witness: CpuWitness


def carry_out(parts: Parts, cpu: Cpu, effects: fx.Effects, size: int = 0) -> int:
    """Apply the effects of one exit, in their order; what it cost the CPU, in picoseconds.
    `size`: bytes of the instruction that the CPU has still to get past."""
    price_ps = 0
    for effect in effects:
        if isinstance(effect, fx.Complete):
            # The VMM did the instruction's work: it retires like any other.
            cpu.registers.pass_over(size)
            parts.board.retire(cpu, 1)
        elif isinstance(effect, fx.Cost):
            cost_ps = effect.nanoseconds * 1000
            cpu.clock_ps += cost_ps
            price_ps += cost_ps
        elif isinstance(effect, fx.SetRegisters):
            cpu.registers.put_all(effect.values)
        else:
            _apply(parts, cpu, effect, size)
    return price_ps


def _apply(parts: Parts, cpu: Cpu, effect: fx.MachineEffect, size: int) -> None:
    vmm = parts.board.vmm
    match effect:
        case fx.RaiseException():
            raise_exception(parts, cpu, effect, size)
        case fx.EnterKernel():
            syscall.enter(cpu.registers)
        case fx.SetMsr(owner, msr, value):
            vmm.msrs[owner, msr] = value
        case fx.SetDrawn(owner, drawn):
            vmm.drawn[owner] = drawn
        case fx.SetVpRegister(owner, name, value):
            vmm.registers[owner, name] = value
        case fx.SetPort(port, value):
            vmm.ports[port] = value
        case fx.SetDevice(device, register, value):
            vmm.devices[device, register] = value
        case fx.SetVeInfo(owner, info):
            vmm.ve_info[owner] = info
        case fx.SetTimer(owner, timer):
            if timer is None:
                vmm.timers.pop(owner, None)
            else:
                vmm.timers[owner] = timer
        case fx.EnableVtl(vp, _):
            vmm.vps[vp].vtl2_enabled = True
        case fx.StartVp(vp, context):
            start_vp(parts, cpu, vp, context)
        case fx.SendInit(target):
            init(parts, cpu, parts.board.cpus[target])
        case fx.SendSipi(target, vector):
            sipi(parts, cpu, parts.board.cpus[target], vector)
        case fx.Delay(target, nanoseconds):
            delay(parts, parts.board.cpus[target], nanoseconds * 1000)
        case fx.SendInterrupt(target, vector, nmi):
            interrupt_cpu(parts, cpu, parts.board.cpus[target], NMI_PENDING if nmi else vector)
        case fx.SetPageState(gpa, count, state, zero, large):
            if state == "shared":
                parts.witness.opens(cpu, gpa, count)
            set_page_state(parts.board, gpa, count, state, zero=zero)
            if large:
                vmm.large_pages.add(gpa)
        case fx.HostWrite(gpa, data):
            parts.stores.host_write(gpa, data)
        case fx.OverlayHypercallPage(gpa):
            overlay(parts.board, gpa)
        case fx.SerialOut(_, byte):
            serial(parts, cpu, byte)
        case fx.Halt():
            pending = vmm.vps[cpu.id].pending
            if not (NMI_PENDING in pending or (pending and is_open(cpu))):
                parts.board.turn(cpu, "halted")
        case fx.PowerOff():
            parts.board.powered_off = True
            parts.board.event(cpu, "state", "switches the machine off")
        case fx.Crash(reason):
            parts.board.crash = reason
            parts.board.event(cpu, "fault", reason)
        case fx.Note(text):
            parts.board.event(cpu, "exit", text)
        case _:
            assert_never(effect)


def raise_exception(parts: Parts, cpu: Cpu, effect: fx.RaiseException, size: int = 0) -> None:
    """Enter the handler; if that fails #DF, and after that the CPU shuts down. A software
    interrupt returns behind its instruction, which has `size` bytes."""
    context = cpu.registers
    where = parts.board.place(cpu)
    rip = context.rip
    if effect.software:
        rip += size
    if effect.fault_address is not None:
        context.put("cr2", effect.fault_address)
    cause = f": {effect.cause}" if effect.cause else ""
    parts.board.event(cpu, "fault", f"{effect.why} at {where}{cause}")
    guest = interrupt.GuestAccess(
        lambda gva, count: parts.own.read(cpu, gva, count),
        lambda gva, data: parts.own.write(cpu, gva, data),
    )
    refused = interrupt.deliver(context, guest, effect.vector, effect.error_code, rip)
    if refused is None:
        parts.cpu_witness.raised(cpu, effect)
        return
    second, error = interrupt.DOUBLE_FAULT, 0
    if not interrupt.doubles(effect.vector, refused.vector):
        second = refused.vector  # a benign first one: the second is simply the next
    if interrupt.deliver(context, guest, second, error, rip) is not None:
        what = f"{effect.why} at {parts.board.source(cpu)}{cause}"
        shut_down(parts, cpu, f"{what}, and {refused.why}: triple fault")


def shut_down(parts: Parts, cpu: Cpu, reason: str) -> None:
    """The CPU stops for good, as after a triple fault; on the BSP that ends the boot."""
    parts.board.turn(cpu, "shutdown")
    cpu.reason = reason
    parts.board.event(cpu, "state", f"shuts down: {reason}")
    if cpu.id == 0 or parts.board.is_td:
        parts.board.crash = f"cpu {cpu.id} shut down: {reason}"


def delay(parts: Parts, cpu: Cpu, ps: int) -> None:
    """The host gives a CPU no time for a while."""
    parts.waits.wake(cpu, parts.board.now_ps(), "disturbed")
    parts.board.go_on(cpu, cpu.clock_ps + ps, "delayed")


def start_vp(parts: Parts, cpu: Cpu, vp: int, context: fx.VpContext | None) -> None:
    """A started VP runs after the VMM's latency, on the caller's time."""
    target = parts.board.cpus[vp]
    parts.board.vmm.vps[vp].started = True
    operand = parts.board.platform.vp_init
    state = entry.reset_vector(vp, operand) if context is None else entry.from_context(context)
    parts.waits.forget(target)  # a host that mistakes one VP for another starts it twice
    moment = cpu.clock_ps + parts.board.platform.costs.start_vp_ns * 1000
    parts.board.go_on(target, moment, "started", cpu.id)
    parts.board.start(target, state)
    parts.board.event(cpu, "state", f"starts cpu {vp}")
    parts.witness.started(cpu, vp, "StartVirtualProcessor")
    parts.cpu_witness.started(cpu, target)


def init(parts: Parts, cpu: Cpu, target: Cpu) -> None:
    """INIT: whatever the CPU did, it now waits for a start-up IPI."""
    parts.waits.forget(target)
    parts.board.turn(target, "wait-for-sipi")
    parts.board.vmm.vps[target.id].wait_for_sipi = True
    parts.board.vmm.timers.pop(target.id, None)
    parts.board.event(cpu, "state", f"sends INIT to cpu {target.id}")


def sipi(parts: Parts, cpu: Cpu, target: Cpu, vector: int) -> None:
    """A start-up IPI; one to a CPU that does not wait for it is lost (SDM 3, 10.4.4)."""
    if target.activity != "wait-for-sipi":
        parts.board.event(
            cpu, "state", f"sends SIPI to cpu {target.id}, which does not wait for it"
        )
        return
    parts.board.vmm.vps[target.id].wait_for_sipi = False
    parts.board.vmm.vps[target.id].started = True
    moment = cpu.clock_ps + parts.board.platform.costs.sipi_ns * 1000
    parts.board.go_on(target, moment, "started", cpu.id)
    parts.board.start(target, entry.after_sipi(vector))
    parts.witness.started(cpu, target.id, "SIPI")
    parts.cpu_witness.started(cpu, target)
    parts.board.event(
        cpu, "state", f"sends SIPI to cpu {target.id}: it starts at {vector << 12:#x}"
    )


def interrupt_cpu(parts: Parts, cpu: Cpu, target: Cpu, vector: int) -> None:
    """An interrupt becomes pending; a halted or waiting CPU wakes to look at it."""
    parts.board.vmm.vps[target.id].pending.append(vector)
    target.look = True
    if target.activity == "halted" and (vector == NMI_PENDING or is_open(target)):
        moment = max(target.clock_ps, cpu.clock_ps)
        parts.board.go_on(target, moment, "interrupted", cpu.id)
        parts.board.turn(target, "running")
        parts.board.reschedule = True
    parts.waits.wake(target, cpu.clock_ps, "interrupted", cpu.id)


def is_open(cpu: Cpu) -> bool:
    """Whether a CPU lets interrupts in."""
    return bool(cpu.registers.get("rflags") & _FLAG_IF)


def take_interrupt(parts: Parts, cpu: Cpu) -> bool:
    """Deliver the first pending interrupt that the CPU's flags let in, if there is one. The TDX
    module keeps an NMI back until the last #VE was read (`td_nmi_exit`)."""
    pending = parts.board.vmm.vps[cpu.id].pending
    unread = parts.board.vmm.ve_info.get(cpu.id) is not None
    for vector in pending:
        if vector == NMI_PENDING and unread:
            continue
        if vector == NMI_PENDING or (is_open(cpu) and not cpu.registers.holds_interrupts):
            pending.remove(vector)
            parts.board.beat += 1
            number = interrupt.NMI if vector == NMI_PENDING else vector
            why = interrupt.name_of(number)
            raise_exception(parts, cpu, fx.RaiseException(number, None, why))
            return True
    return False


def set_page_state(
    board: Board, gpa: Gpa, count: int, state: fx.PageState, *, zero: bool
) -> None:
    """Pages change hands: the nested table shows one view of each, or none."""
    frames = range(gpa & ~(LARGE_BYTES - 1), gpa + count * PAGE_BYTES, LARGE_BYTES)
    board.vmm.large_pages.difference_update(frames)
    bank = board.ram.bank(gpa)
    assert bank is not None, f"page state of {gpa:#x}, where there is no memory"
    board.ram.set_state(bank, gpa, count, state)
    offset = gpa - bank.gpa
    if zero:
        start = bank.hpa + offset
        board.memory.zero(Hpa(start), count * PAGE_BYTES)
    alias = Gpa(gpa | board.shared_alias)
    two_views = board.ram.two_views
    if state == "shared" and two_views:
        board.npt.unmap(gpa, count)
        board.npt.map(alias, Hpa(bank.shared_hpa + offset), count)
    elif state == "unaccepted":
        board.npt.unmap(gpa, count)
        if two_views:
            board.npt.unmap(alias, count)
    else:
        board.npt.map(gpa, Hpa(bank.hpa + offset), count)
    board.tables_changed()


def overlay(board: Board, gpa: Gpa | None) -> None:
    """The hypercall page covers one page of the guest's, which keeps its bytes beneath."""
    old = board.vmm.hypercall_page
    if old is not None:
        hpa = board.ram.hpa(old)
        assert hpa is not None, "an overlaid page has memory"
        board.npt.map(old, hpa, 1)
    if gpa is not None:
        board.npt.map(Gpa(page_of(gpa)), board.hypercall_code, 1, write=False)
    board.vmm.hypercall_page = gpa
    board.tables_changed()


def serial(parts: Parts, cpu: Cpu, byte: int) -> None:
    """A byte on the serial line; a whole line is an event."""
    sent = parts.board.vmm.sent
    sent.append(byte)
    if byte == 0x0A:
        line = sent.last_line().decode("utf-8", "replace")
        parts.board.event(cpu, "serial", line)
