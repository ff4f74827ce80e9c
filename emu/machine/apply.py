"""What a decision does to the machine: one function per effect that is more than a line."""

from typing import TYPE_CHECKING, Final, assert_never

from emu.hw import interrupt
from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.machine import entry, stores
from emu.vmm import effects as fx

if TYPE_CHECKING:
    from emu.machine.machine import Machine

_FLAG_IF: Final = 1 << 9
NMI_PENDING: Final = 256
"""Stands for an NMI in VpState.pending."""


def carry_out(machine: "Machine", cpu: Cpu, effects: fx.Effects, size: int = 0) -> None:
    """Apply the effects of one exit, in their order. `size`: bytes of the instruction that the
    CPU has still to get past."""
    for effect in effects:
        match effect:
            case fx.Complete():
                complete(machine, cpu, size)
            case fx.Cost():
                cpu.clock_ps += effect.nanoseconds * 1000
            case fx.SetRegisters():
                put = cpu.registers.put
                for name, value in effect.values:
                    put(name, value)
            case _:
                _apply(machine, cpu, effect, size)


def _apply(machine: "Machine", cpu: Cpu, effect: fx.MachineEffect, size: int) -> None:
    vmm = machine.vmm
    match effect:
        case fx.RaiseException():
            raise_exception(machine, cpu, effect, size)
        case fx.SetMsr(owner, msr, value):
            vmm.msrs[owner, msr] = value
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
            start_vp(machine, cpu, vp, context)
        case fx.SendInit(target):
            init(machine, cpu, machine.cpus[target])
        case fx.SendSipi(target, vector):
            sipi(machine, cpu, machine.cpus[target], vector)
        case fx.Delay(target, nanoseconds):
            machine.waits.wake(machine.cpus[target], machine.now_ps())
            machine.cpus[target].clock_ps += nanoseconds * 1000
        case fx.SendInterrupt(target, vector, nmi):
            interrupt_cpu(machine, cpu, machine.cpus[target], NMI_PENDING if nmi else vector)
        case fx.SetPageState(gpa, count, state, zero):
            if state == "shared":
                machine.witness.opens(cpu, gpa, count)
            set_page_state(machine, gpa, count, state, zero=zero)
        case fx.HostWrite(gpa, data):
            stores.host_write(machine, gpa, data)
        case fx.OverlayHypercallPage(gpa):
            overlay(machine, gpa)
        case fx.SerialOut(_, byte):
            serial(machine, cpu, byte)
        case fx.Halt():
            pending = vmm.vps[cpu.id].pending
            if not (NMI_PENDING in pending or (pending and is_open(cpu))):
                machine.turn(cpu, "halted")
        case fx.PowerOff():
            machine.powered_off = True
            machine.event(cpu, "state", "switches the machine off")
        case fx.Crash(reason):
            machine.crash = reason
            machine.event(cpu, "fault", reason)
        case fx.Note(text):
            machine.event(cpu, "exit", text)
        case _:
            assert_never(effect)


def complete(machine: "Machine", cpu: Cpu, size: int) -> None:
    """The VMM did the instruction's work: it retires like any other."""
    cpu.registers.pass_over(size)
    machine.retire(cpu, 1)


def raise_exception(
    machine: "Machine", cpu: Cpu, effect: fx.RaiseException, size: int = 0
) -> None:
    """Enter the handler; if that fails #DF, and after that the CPU shuts down. A software
    interrupt returns behind its instruction, which has `size` bytes."""
    context = cpu.registers
    where = machine.place(cpu)
    rip = context.rip
    if effect.software:
        rip += size
    if effect.fault_address is not None:
        context.put("cr2", effect.fault_address)
    machine.event(cpu, "fault", f"{effect.why} at {where}")
    guest = interrupt.GuestAccess(
        lambda gva, count: machine.virtual.read(context, gva, count),
        lambda gva, data: stores.write_virtual(machine, cpu, gva, data),
    )
    refused = interrupt.deliver(context, guest, effect.vector, effect.error_code, rip)
    if refused is None:
        return
    second, error = interrupt.DOUBLE_FAULT, 0
    if not interrupt.doubles(effect.vector, refused.vector):
        second = refused.vector  # a benign first one: the second is simply the next
    if interrupt.deliver(context, guest, second, error, rip) is not None:
        shut_down(machine, cpu, f"{effect.why} at {where}, and {refused.why}: triple fault")


def shut_down(machine: "Machine", cpu: Cpu, reason: str) -> None:
    """The CPU stops for good, as after a triple fault; on the BSP that ends the boot."""
    machine.turn(cpu, "shutdown")
    cpu.reason = reason
    machine.event(cpu, "state", f"shuts down: {reason}")
    if cpu.id == 0 or machine.platform.isolation == "tdx":
        machine.crash = f"cpu {cpu.id} shut down: {reason}"


def start_vp(machine: "Machine", cpu: Cpu, vp: int, context: fx.VpContext | None) -> None:
    """A started VP runs after the VMM's latency, on the caller's time."""
    target = machine.cpus[vp]
    machine.vmm.vps[vp].started = True
    state = entry.reset_vector(vp) if context is None else entry.from_context(context)
    target.clock_ps = cpu.clock_ps + machine.platform.costs.start_vp_ns * 1000
    machine.start(target, state)
    machine.event(cpu, "state", f"starts cpu {vp}")
    machine.witness.started(cpu, vp, "StartVirtualProcessor")


def init(machine: "Machine", cpu: Cpu, target: Cpu) -> None:
    """INIT: whatever the CPU did, it now waits for a start-up IPI."""
    machine.waits.forget(target)
    machine.turn(target, "wait-for-sipi")
    machine.vmm.vps[target.id].wait_for_sipi = True
    machine.vmm.timers.pop(target.id, None)
    machine.event(cpu, "state", f"sends INIT to cpu {target.id}")


def sipi(machine: "Machine", cpu: Cpu, target: Cpu, vector: int) -> None:
    """A start-up IPI; one to a CPU that does not wait for it is lost (SDM 3, 10.4.4)."""
    if target.activity != "wait-for-sipi":
        machine.event(
            cpu, "state", f"sends SIPI to cpu {target.id}, which does not wait for it"
        )
        return
    machine.vmm.vps[target.id].wait_for_sipi = False
    machine.vmm.vps[target.id].started = True
    target.clock_ps = cpu.clock_ps + machine.platform.costs.sipi_ns * 1000
    machine.start(target, entry.after_sipi(vector))
    machine.witness.started(cpu, target.id, "SIPI")
    machine.event(
        cpu, "state", f"sends SIPI to cpu {target.id}: it starts at {vector << 12:#x}"
    )


def interrupt_cpu(machine: "Machine", cpu: Cpu, target: Cpu, vector: int) -> None:
    """An interrupt becomes pending; a halted or waiting CPU wakes to look at it."""
    machine.vmm.vps[target.id].pending.append(vector)
    target.look = True
    if target.activity == "halted" and (vector == NMI_PENDING or is_open(target)):
        target.clock_ps = max(target.clock_ps, cpu.clock_ps)
        machine.turn(target, "running")
        machine.reschedule = True
    machine.waits.wake(target, cpu.clock_ps)


def is_open(cpu: Cpu) -> bool:
    """Whether a CPU lets interrupts in."""
    return bool(cpu.registers.get("rflags") & _FLAG_IF)


def take_interrupt(machine: "Machine", cpu: Cpu) -> bool:
    """Deliver the first pending interrupt that the CPU's flags let in, if there is one."""
    pending = machine.vmm.vps[cpu.id].pending
    for vector in pending:
        if vector == NMI_PENDING or (is_open(cpu) and not cpu.registers.holds_interrupts):
            pending.remove(vector)
            machine.beat += 1
            number = interrupt.NMI if vector == NMI_PENDING else vector
            why = interrupt.name_of(number)
            raise_exception(machine, cpu, fx.RaiseException(number, None, why))
            return True
    return False


def set_page_state(
    machine: "Machine", gpa: Gpa, count: int, state: fx.PageState, *, zero: bool
) -> None:
    """Pages change hands: the nested table shows one view of each, or none."""
    bank = machine.ram.bank(gpa)
    assert bank is not None, f"page state of {gpa:#x}, where there is no memory"
    machine.ram.set_state(bank, gpa, count, state)
    offset = gpa - bank.gpa
    if zero:
        start = bank.hpa + offset
        machine.memory.zero(Hpa(start), count * PAGE_BYTES)
    alias = Gpa(gpa | machine.shared_alias)
    two_views = machine.ram.two_views
    if state == "shared" and two_views:
        machine.npt.unmap(gpa, count)
        machine.npt.map(alias, Hpa(bank.shared_hpa + offset), count)
    elif state == "unaccepted":
        machine.npt.unmap(gpa, count)
        if two_views:
            machine.npt.unmap(alias, count)
    else:
        machine.npt.map(gpa, Hpa(bank.hpa + offset), count)
    machine.tables_changed()


def overlay(machine: "Machine", gpa: Gpa | None) -> None:
    """The hypercall page covers one page of the guest's, which keeps its bytes beneath."""
    old = machine.vmm.hypercall_page
    if old is not None:
        hpa = machine.ram.hpa(old)
        assert hpa is not None, "an overlaid page has memory"
        machine.npt.map(old, hpa, 1)
    if gpa is not None:
        machine.npt.map(Gpa(page_of(gpa)), machine.hypercall_code, 1, write=False)
    machine.vmm.hypercall_page = gpa
    machine.tables_changed()


def serial(machine: "Machine", cpu: Cpu, byte: int) -> None:
    """A byte on the serial line; a whole line is an event."""
    text = machine.vmm.serial
    text.append(byte)
    if byte == 0x0A:
        line = bytes(text).rstrip(b"\r\n").rpartition(b"\n")[2].decode("utf-8", "replace")
        machine.event(cpu, "serial", line)
