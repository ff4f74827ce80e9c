"""What an exit means: the one `match` between what a CPU asked for and the VMM model."""

from typing import Final, assert_never

from emu.boot import disasm
from emu.hw import interrupt
from emu.hw.address import Gpa, page_of
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import walk_nested
from emu.machine import monitors
from emu.machine.board import Board
from emu.machine.fault_words import access_of, fault_words, nested_words
from emu.vmm import apic, clock, controls, cpuid, hypercalls, msr, random_numbers, sev, tdx
from emu.vmm import asked as ask
from emu.vmm.asked_words import access_word
from emu.vmm.effects import (
    Complete,
    Cost,
    Crash,
    Effects,
    EnterKernel,
    Halt,
    RaiseException,
    SetMsr,
    SetRegisters,
)
from emu.vmm.tdx.abi import SHARED_BIT

EXITS_PER_INSTRUCTION: Final = 16
"""No instruction takes more: two page faults, write traps, a fold, and what it asks for."""

PAUSE_NS: Final = 20
"""About 40 cycles at 2 GHz: what PAUSE takes on cores before Skylake."""
RDTSC_NS: Final = 10
"""About 20 cycles."""
_DONE: Final = Complete()
_PAUSED: Final = (_DONE, Cost(PAUSE_NS))
_RDTSC_COST: Final = Cost(RDTSC_NS)


def decide(board: Board, cpu: Cpu, asked: ask.Asked) -> Effects:
    """Turn what was asked into effects; nothing changes here."""
    match asked:
        case ask.PauseHint():
            return _PAUSED
        case ask.Rdtsc():
            vmm = board.vmm
            count = clock.tsc_at(board.platform, vmm, cpu.id, board.shown_ns(cpu))
            if asked.processor_id:
                also = clock.processor_id(board.caller(cpu))
                return (clock.shown(count), _DONE, *also, _RDTSC_COST)
            return (clock.shown(count), _DONE, _RDTSC_COST)
        case ask.Cpuid() | ask.Rdmsr() | ask.Wrmsr():
            read_or_write = _td_register if board.is_td else _register
            return (*read_or_write(board, cpu, asked), _exit_cost(board))
        case ask.RandomNumber():
            return random_numbers.draw(board.caller(cpu), asked)
        case ask.ControlWrite():
            effects = controls.answer(board.caller(cpu), asked)
            assert effects, "one that is allowed has been made"
            return effects
        case ask.Tdcall() if board.is_td:
            return _tdcall(board, cpu)
        case ask.SevInstruction():
            return _sev(board, cpu, asked)
        case ask.MmioRead() | ask.MmioWrite():
            return _device(board, cpu, asked)
        case (
            ask.Hlt() | ask.CacheFlush() | ask.Vmcall() | ask.PortIn() | ask.PortOut()
        ) if board.is_td:  # fmt: skip
            return (*tdx.instruction(board.caller(cpu), asked), _exit_cost(board))
        case ask.Tdcall() | ask.Vmcall():
            return _call(board, cpu, asked)
        case ask.PortIn() | ask.PortOut():
            return _port(board, cpu, asked)
        case ask.Syscall(_, enabled):
            undefined = RaiseException(6, None, "#UD: syscall without EFER.SCE")
            return (_DONE, EnterKernel()) if enabled else (undefined,)
        case ask.ReadTaskPriority(_, into):
            priority = apic.task_priority(board.vmm, cpu.id) >> 4
            return (SetRegisters(((into, priority),)), Complete())
        case ask.WriteTaskPriority(_, value):
            return _write_task_priority(cpu, value)
        case ask.Hlt():
            return (Complete(), Halt(), _exit_cost(board))
        case ask.CacheFlush():
            return (Complete(), _exit_cost(board))
        case ask.Monitor() | ask.Mwait():
            return monitors.answer(board, cpu, asked, _nested_fault)
        case ask.NestedFault(_, error, gpa, gla):
            return _nested_fault(board, cpu, error, gpa, gla)
        case _:
            return (_fault(board, cpu, asked),)


def _write_task_priority(cpu: Cpu, value: int) -> Effects:
    """CR8 is bits 7:4 of the TPR, and clears the others (SDM 3, 11.8.6)."""
    if value > 0xF:
        return (RaiseException(13, 0, f"#GP: CR8 = {value:#x} has reserved bits set"),)
    return (SetMsr(cpu.id, apic.TPR, value << 4), Complete())


def _exit_cost(board: Board) -> Cost:
    return Cost(board.platform.costs.exit_ns)


def _register(board: Board, cpu: Cpu, asked: ask.Cpuid | ask.Rdmsr | ask.Wrmsr) -> Effects:
    """What the VMM answers for the processor."""
    caller = board.caller(cpu)
    match asked:
        case ask.Cpuid(_, leaf, subleaf):
            return cpuid.cpuid(caller, leaf, subleaf)
        case ask.Rdmsr(_, number):
            return msr.rdmsr(caller, number)
        case ask.Wrmsr(_, number, value):
            return msr.wrmsr(caller, number, value)


def _td_register(board: Board, cpu: Cpu, asked: ask.Cpuid | ask.Rdmsr | ask.Wrmsr) -> Effects:
    """The same in a TD, where the TDX module stands before the host."""
    caller = board.caller(cpu)
    match asked:
        case ask.Cpuid():
            return tdx.cpuid(caller, asked)
        case ask.Rdmsr():
            return tdx.rdmsr(caller, asked)
        case ask.Wrmsr():
            return tdx.wrmsr(caller, asked)


def _tdcall(board: Board, cpu: Cpu) -> Effects:
    """A call to the TDX module, which takes none but from a kernel in 64-bit mode (`td_call`;
    SDM 2, TDCALL)."""
    registers = cpu.registers
    if registers.mode != "long" or registers.cpl:
        how = f"at privilege level {registers.cpl}" if registers.cpl else "outside 64-bit mode"
        return (RaiseException(interrupt.GENERAL, 0, f"#GP: TDCALL {how}"),)
    return (*tdx.tdcall(board.caller(cpu)), Cost(board.platform.costs.tdcall_ns))


def _sev(board: Board, cpu: Cpu, asked: ask.SevInstruction) -> Effects:
    """An instruction of SEV-SNP guests, at CPL 0; without SNP there is none."""
    if board.platform.isolation != "snp":
        return (RaiseException(6, None, f"#UD: {asked.mnemonic}"),)
    if cpu.registers.cpl:
        return (RaiseException(interrupt.GENERAL, 0, f"#GP: {asked.mnemonic} at CPL 3"),)
    gpa = board.virtual.gpa(cpu.registers, asked.address)
    return (*sev.answer(board.caller(cpu), asked, gpa), _exit_cost(board))


def _call(board: Board, cpu: Cpu, asked: ask.Tdcall | ask.Vmcall) -> Effects:
    """A call to the hypervisor; an undefined instruction where it is none."""
    platform = board.platform
    match asked:
        case ask.Vmcall() if platform.hyperv:
            caller = board.caller(cpu)
            return (*hypercalls.vmcall(caller), Cost(platform.costs.hypercall_ns))
        case ask.Tdcall():
            return (RaiseException(6, None, "#UD: tdcall"),)
        case ask.Vmcall(_, _, mnemonic):
            return (RaiseException(6, None, f"#UD: {mnemonic}"),)


def _port(board: Board, cpu: Cpu, asked: ask.PortIn | ask.PortOut) -> Effects:
    """The instruction has retired already; IN is given its value now."""
    caller = board.caller(cpu)
    cost = Cost(board.platform.costs.io_ns)
    match asked:
        case ask.PortIn(_, port, width):
            value, effects = board.devices.port_in(caller, port, width)
            return (_port_value(cpu, width, value), *effects, cost)
        case ask.PortOut(_, port, width, value):
            return (*board.devices.port_out(caller, port, width, value), cost)


def _device(board: Board, cpu: Cpu, asked: ask.MmioRead | ask.MmioWrite) -> Effects:
    """A load or store at a device's address; what crosses its window's end is refused."""
    caller = board.caller(cpu)
    cost = Cost(board.platform.costs.io_ns)
    match asked:
        case ask.MmioRead(_, gpa, width, into, signed):
            read = board.devices.read(caller, gpa, width)
            if read is not None:
                value = _extended(read[0], width, signed)
                return (_loaded(cpu, into, value), *read[1], Complete(), cost)
        case ask.MmioWrite(_, gpa, width, value, moved):
            written = board.devices.write(caller, gpa, width, value)
            if written is not None:
                return (*written, SetRegisters(moved), Complete(), cost)
    what = f"cpu {cpu.id} at {board.place(cpu)}: {asked.width} bytes at GPA {asked.gpa:#x}"
    return (Crash(f"{what}, of which not all are the device's"),)


def _extended(value: int, width: int, signed: bool) -> int:
    return value - (1 << 8 * width) if signed and value >> 8 * width - 1 else value


def _loaded(cpu: Cpu, into: str, value: int) -> SetRegisters:
    """32 bits clear the rest of a register, 8 and 16 leave it (SDM 1, 3.4.1.1)."""
    name = disasm.family(into)
    first, bits = disasm.part_bits(into)
    mask = (1 << bits) - 1 << first
    kept = cpu.registers.get(name) & ~mask if bits < 32 else 0
    return SetRegisters(((name, kept | value << first & mask),))


def _port_value(cpu: Cpu, width: int, value: int) -> SetRegisters:
    """IN writes AL, AX or EAX; only the last clears the rest (SDM 2, IN)."""
    mask = (1 << 8 * width) - 1
    kept = 0 if width == 4 else cpu.registers.get("rax") & ~mask
    return SetRegisters((("rax", kept | value & mask),))


_Faulted = (
    ask.SoftInterrupt | ask.Undefined | ask.CpuFault | ask.NotOffered
    | ask.Rdpmc | ask.OddAccess | ask.ShutDown | ask.EngineFailed
)  # fmt: skip


def _fault(board: Board, cpu: Cpu, asked: _Faulted) -> RaiseException | Crash:
    """What ends in a handler of the guest's, or ends the machine."""
    match asked:
        case ask.SoftInterrupt(_, vector):
            return RaiseException(vector, None, f"INT {vector:#x}", software=True)
        case ask.Undefined(_, text):
            return RaiseException(6, None, f"#UD: {text}")
        case ask.CpuFault():
            return _exception(board, cpu, asked)
        case ask.OddAccess(_, doing, gpa, text):
            what = f"cpu {cpu.id} at {board.place(cpu)}: {doing} GPA {gpa:#x}"
            return Crash(f"{what}, a device's, by `{text}`, which is not decoded")
        case ask.NotOffered(_, name):
            return RaiseException(6, None, f"{name} is not offered")
        case ask.Rdpmc(_, counter):
            # In a TD by the module: ATTRIBUTES.PERFMON is off (`td_rdpmc_exit`).
            why = f"RDPMC of counter {counter:#x}, of which there is none"
            return RaiseException(interrupt.GENERAL, 0, why)
        case ask.ShutDown():
            return Crash(f"cpu {cpu.id} shut down")
        case ask.EngineFailed(_, text):
            where = f"cpu {cpu.id} at {cpu.registers.rip:#x}"
            return Crash(f"the emulator cannot go on: {text} ({where})")
        case _:
            assert_never(asked)


def _exception(board: Board, cpu: Cpu, asked: ask.CpuFault) -> RaiseException:
    """A processor exception on its way to the guest's IDT; a #PF also sets CR2."""
    vector, error = asked.vector, asked.error
    why, cause = fault_words(board, cpu, asked)
    if vector != interrupt.PAGE_FAULT:
        code = error if vector in interrupt.HAVE_ERROR_CODE else None
        return RaiseException(vector, code, why, cause)
    return RaiseException(vector, error, why, cause, fault_address=asked.address)


def _nested_fault(board: Board, cpu: Cpu, error: int, gpa: int, gla: int | None) -> Effects:
    """What hardware does with an access that the nested table refuses, and that nothing of
    ours explains."""
    doing = access_word(error)
    if board.is_td and gpa & SHARED_BIT:
        return tdx.not_shared(board.caller(cpu), error, gpa, gla, doing)
    what = f"cpu {cpu.id} at {board.place(cpu)}: {doing} GPA {gpa:#x}"
    what += nested_words(board, cpu, error, gpa)
    state = board.ram.state(Gpa(gpa))
    if state is None:
        return (Crash(f"{what}, where there is no memory"),)
    if page_of(gpa) in board.broken_pages:
        return (Crash(f"{what}, whose integrity the host has broken"),)
    if state == "unaccepted":
        return (Crash(f"{what}, which is not accepted"),)
    refused = walk_nested(board.memory, board.npt.model_root, Gpa(gpa), access_of(error)).why
    allowed = f"which the nested table does not allow ({state}): {refused}"
    return (Crash(f"{what}, {allowed}"),)
