"""What a decision does to the machine: one function per effect that is more than a line."""

from typing import Protocol, assert_never

from emu.hw import syscall
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.machine import entry, ipi
from emu.machine.board import Board
from emu.machine.cpu_witness import CpuWitness
from emu.machine.event import HotPlug
from emu.machine.exceptions import raise_exception
from emu.machine.monitors import Monitors
from emu.machine.own_access import OwnAccess
from emu.machine.stores import Stores
from emu.machine.waits import Waits
from emu.machine.witness import Witness
from emu.vmm import effects as fx


class Parts(Protocol):
    """Whoever has the parts that effects reach."""

    board: Board
    stores: Stores
    own: OwnAccess
    waits: Waits
    monitors: Monitors
    witness: Witness
    cpu_witness: CpuWitness


def carry_out(parts: Parts, cpu: Cpu, effects: fx.Effects, size: int = 0) -> int:
    """Apply the effects of one exit, in their order; what it cost the CPU, in picoseconds.
    `size`: bytes of the instruction that the CPU has still to get past."""
    price_ps, context = 0, cpu.context
    for effect in effects:
        if isinstance(effect, fx.Complete):
            # The VMM did the instruction's work: it retires like any other. If that was an INIT
            # to its own CPU, that begins elsewhere.
            if cpu.context is context:
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
            _syscall(parts, cpu)
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
        case fx.Sent(text):
            parts.board.event(cpu, "state", text)
        case fx.SendInit() | fx.SendSipi() | fx.SendInterrupt():
            ipi.send(parts, cpu, effect)
        case fx.EjectCpu() | fx.Delay():
            _withhold(parts, cpu, effect)
        case fx.EndInterrupt() | fx.ApicError() | fx.LatchErrors() | fx.ResetApic():
            ipi.change_apic(parts, parts.board.cpus[effect.cpu], effect)
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
        case fx.Halt() | fx.ArmMonitor() | fx.MonitorWait():
            _rest(parts, cpu, effect)
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


def _syscall(parts: Parts, cpu: Cpu) -> None:
    """SYSCALL, which ends monitoring (SDM 3, 10.10.4)."""
    syscall.enter(cpu.registers)
    parts.monitors.disarm(cpu)


def _rest(parts: Parts, cpu: Cpu, effect: fx.Halt | fx.ArmMonitor | fx.MonitorWait) -> None:
    """A CPU sleeps, or says for what it is going to."""
    match effect:
        case fx.Halt(masked_wakes):
            ipi.halt(parts, cpu, masked_wakes)
        case fx.ArmMonitor(gva):
            parts.own.read(cpu, gva, 1)  # as a load, it sets the A bits
            parts.monitors.arm(cpu, gva)
        case fx.MonitorWait(depth, masked_wakes):
            ipi.monitor_wait(parts, cpu, depth, masked_wakes)


def delay(parts: Parts, cpu: Cpu, ps: int) -> None:
    """The host gives a CPU no time for a while."""
    parts.waits.wake(cpu, parts.board.now_ps(), "disturbed")
    parts.board.go_on(cpu, cpu.clock_ps + ps, "delayed")


def _withhold(parts: Parts, cpu: Cpu, effect: fx.EjectCpu | fx.Delay) -> None:
    """The host gives a CPU no time, for a while or until it is plugged in."""
    target = parts.board.cpus[effect.cpu]
    if isinstance(effect, fx.Delay):
        delay(parts, target, effect.nanoseconds * 1000)
    else:
        eject(parts, cpu, target)


def eject(parts: Parts, cpu: Cpu, target: Cpu) -> None:
    """A CPU is out, wherever it was: its registers stay, and nothing lets it go on but being
    plugged in."""
    parts.waits.forget(target)
    parts.monitors.forget(target)
    parts.board.turn(target, "off")
    parts.board.reschedule = True
    who = "itself" if target is cpu else f"cpu {target.id}"
    parts.board.event(cpu, "state", f"ejects {who}", HotPlug(target.id, "ejected"))


def plug(parts: Parts, target: Cpu) -> None:
    """A CPU is there, by the way in which its platform can have it.

    A virtual processor of a TD cannot be reset, nor made once its TD is measured (TDH.VP.INIT;
    Linux, arch/x86/kvm/vmx/tdx.c, tdx_vcpu_create): the host has only not entered it. So one
    that was ejected goes on where it was, and another one begins at the TD's reset vector. Any
    other is reset (QEMU, docs/specs/acpi_cpu_hotplug.rst), and waits to be started."""
    board, goes_on = parts.board, parts.board.is_td and target.context is not None
    moment = max(target.clock_ps, board.now_ps())
    board.go_on(target, moment, "started" if goes_on else "delayed")
    board.reschedule = True
    board.event(target, "state", "is plugged in", HotPlug(target.id, "plugged"))
    if goes_on:
        board.turn(target, "running")
    elif board.is_td:
        _enter_first(board, target)
    else:
        power_on(parts, target)


def _enter_first(board: Board, target: Cpu) -> None:
    """The host enters a virtual processor of a TD for the first time."""
    vp, platform = board.vmm.vps[target.id], board.platform
    vp.started = vp.vtl2_enabled = True
    moment = target.clock_ps + platform.starts_in_ns(target.id, "start_vp_ns") * 1000
    board.go_on(target, moment, "started")
    board.start(target, entry.reset_vector(target.id, platform.vp_init))


def power_on(parts: Parts, cpu: Cpu) -> None:
    """A CPU is as at power-on, whatever was there before: whoever starts it finds it."""
    board, vmm = parts.board, parts.board.vmm
    vp = vmm.vps[cpu.id]
    ipi.reset_apic(board, cpu)
    for of_cpu in (vmm.msrs, vmm.registers):
        for key in [one for one in of_cpu if one[0] == cpu.id]:
            del of_cpu[key]
    vp.started, vp.wait_for_sipi = False, board.platform.start == "sipi"
    vp.vtl2_enabled = vp.masked_wakes = False
    cpu.context, cpu.reason, cpu.milestone = None, "", ""
    board.aps.started(cpu.id)
    parts.witness.reset(cpu)
    board.turn(cpu, "wait-for-sipi" if vp.wait_for_sipi else "off")


def start_vp(parts: Parts, cpu: Cpu, vp: int, context: fx.VpContext | None) -> None:
    """A started VP runs after the VMM's latency, on the caller's time."""
    target = parts.board.cpus[vp]
    parts.board.vmm.vps[vp].started = True
    operand = parts.board.platform.vp_init
    state = entry.reset_vector(vp, operand) if context is None else entry.from_context(context)
    parts.waits.forget(target)  # a host that mistakes one VP for another starts it twice
    parts.monitors.forget(target)
    moment = cpu.clock_ps + parts.board.platform.starts_in_ns(vp, "start_vp_ns") * 1000
    parts.board.go_on(target, moment, "started", cpu.id, cpu.clock_ps)
    parts.board.start(target, state)
    parts.board.event(cpu, "state", f"starts cpu {vp}")
    parts.witness.started(cpu, vp, "StartVirtualProcessor")
    parts.cpu_witness.started(cpu, target)


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
