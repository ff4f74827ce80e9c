"""What an exit means: the one `match` between the guest and the VMM model."""

from typing import Final, assert_never

from emu.boot import disasm
from emu.hw import interrupt, vmcb
from emu.hw.address import Gpa, page_of
from emu.hw.cpu import Cpu
from emu.hw.engine import Exit, ExitKind
from emu.machine.board import Board
from emu.vmm import clock, cpuid, hypercalls, msr, ports, tdx
from emu.vmm.effects import Complete, Cost, Crash, Effects, Halt, RaiseException, SetRegisters

EXITS_PER_INSTRUCTION: Final = 16
"""No instruction takes more: two page faults, write traps, a fold, and what it asks for."""

PAUSE_NS: Final = 20
"""About 40 cycles at 2 GHz: what PAUSE takes on cores before Skylake."""
RDTSC_NS: Final = 10
"""About 20 cycles."""

_NAMES: Final = {
    vmcb.EXIT_RDTSC: "rdtsc", vmcb.EXIT_CPUID: "cpuid", vmcb.EXIT_SWINT: "int",
    vmcb.EXIT_INVD: "invd", vmcb.EXIT_PAUSE: "pause", vmcb.EXIT_HLT: "hlt",
    vmcb.EXIT_MSR: "msr", vmcb.EXIT_SHUTDOWN: "shutdown", vmcb.EXIT_WBINVD: "wbinvd",
    vmcb.EXIT_MONITOR: "monitor", vmcb.EXIT_MWAIT: "mwait", vmcb.EXIT_NPF: "npf",
}  # fmt: skip
_UD: Final = vmcb.EXIT_EXCEPTION + 6
_WRMSR: Final = b"\x0f\x30"


def name_of(exit_: Exit) -> str:
    """The exit in a word, for counting: `rdtsc`, `port out`, `#PF`."""
    if exit_.kind is not ExitKind.INTERCEPT:
        return str(exit_.kind.value)
    if vmcb.EXIT_EXCEPTION <= exit_.code < vmcb.EXIT_EXCEPTION + 32:
        return interrupt.name_of(exit_.code - vmcb.EXIT_EXCEPTION)
    return _NAMES.get(exit_.code, f"svm {exit_.code:#x}")


def decide(board: Board, cpu: Cpu, exit_: Exit) -> Effects:
    """Turn an exit into effects; nothing changes here."""
    caller = board.caller(cpu)
    kind = exit_.kind
    match kind:
        case ExitKind.INTERCEPT:
            return _intercept(board, cpu, exit_)
        case ExitKind.PORT_IN:
            value, effects = ports.port_in(caller, exit_.code, exit_.error)
            return (_port_value(cpu, exit_.error, value), *effects, _io_cost(board))
        case ExitKind.PORT_OUT:
            effects = ports.port_out(caller, exit_.code, exit_.error, exit_.info)
            return (*effects, _io_cost(board))
        case ExitKind.SYSCALL:
            return (RaiseException(6, None, "SYSCALL is not offered by this machine"),)
        case ExitKind.ERROR:
            where = f"cpu {cpu.id} at {cpu.registers.rip:#x}"
            return (Crash(f"the emulator cannot go on: {exit_.text} ({where})"),)
        case ExitKind.BUDGET | ExitKind.BREAKPOINT:
            raise AssertionError(f"{kind} is no exit to the VMM")
        case _:
            assert_never(kind)


def _io_cost(board: Board) -> Cost:
    return Cost(board.platform.costs.io_ns)


def _port_value(cpu: Cpu, size: int, value: int) -> SetRegisters:
    """IN writes AL, AX or EAX; only the last clears the rest (SDM 2, IN)."""
    mask = (1 << 8 * size) - 1
    kept = 0 if size == 4 else cpu.registers.get("rax") & ~mask
    return SetRegisters((("rax", kept | value & mask),))


def _intercept(board: Board, cpu: Cpu, exit_: Exit) -> Effects:
    """An SVM exit; those the machine repairs itself never get here."""
    caller = board.caller(cpu)
    cost = Cost(board.platform.costs.exit_ns)
    match exit_.code:
        case vmcb.EXIT_PAUSE:
            return (Complete(), Cost(PAUSE_NS))
        case vmcb.EXIT_RDTSC:
            return (*clock.rdtsc(caller), *_processor_id(board, cpu), Cost(RDTSC_NS))
        case vmcb.EXIT_CPUID:
            return (*cpuid.cpuid(caller), cost)
        case vmcb.EXIT_MSR:
            return (*_msr(board, cpu), cost)
        case vmcb.EXIT_HLT:
            return (Complete(), Halt(), cost)
        case vmcb.EXIT_WBINVD | vmcb.EXIT_INVD:
            return (Complete(), cost)
        case vmcb.EXIT_NPF:
            return (_nested_fault(board, cpu, exit_),)
        case vmcb.EXIT_SWINT:
            return (_software_interrupt(board, cpu),)
        case vmcb.EXIT_SHUTDOWN:
            return (Crash(f"cpu {cpu.id} shut down"),)
        case code if code == _UD:
            return _undefined(board, cpu)
        case code if vmcb.EXIT_EXCEPTION <= code < vmcb.EXIT_EXCEPTION + 32:
            return (_exception(board, cpu, exit_),)
        case _:
            return (RaiseException(6, None, f"{name_of(exit_)} is not offered"),)


def _code_bytes(board: Board, cpu: Cpu) -> bytes:
    return board.code_bytes(cpu)


def _processor_id(board: Board, cpu: Cpu) -> Effects:
    """RDTSCP also gives IA32_TSC_AUX in ECX."""
    if not _code_bytes(board, cpu).startswith(b"\x0f\x01\xf9"):
        return ()
    return (SetRegisters((("rcx", board.vmm.msrs.get((cpu.id, 0xC0000103), 0)),)),)


def _msr(board: Board, cpu: Cpu) -> Effects:
    """RDMSR or WRMSR of an MSR that the CPU does not keep itself."""
    context, caller = cpu.registers, board.caller(cpu)
    number = context.get("rcx") & 0xFFFFFFFF
    if not _code_bytes(board, cpu).startswith(_WRMSR):
        return msr.rdmsr(caller, number)
    value = (context.get("rdx") & 0xFFFFFFFF) << 32 | context.get("rax") & 0xFFFFFFFF
    return msr.wrmsr(caller, number, value)


def _undefined(board: Board, cpu: Cpu) -> Effects:
    """#UD: the calls to host and TDX module arrive this way, and so does a real one."""
    code = _code_bytes(board, cpu)
    costs = board.platform.costs
    caller = board.caller(cpu)
    if code.startswith(b"\x66\x0f\x01\xcc") and board.platform.isolation == "tdx":
        return (*tdx.tdcall(caller), Cost(costs.tdcall_ns))
    call = code.startswith((b"\x0f\x01\xd9", b"\x0f\x01\xc1"))
    if call and board.platform.hyperv and board.platform.isolation != "tdx":
        return (*hypercalls.vmcall(caller), Cost(costs.hypercall_ns))
    instruction = disasm.decode(code, cpu.registers.rip, cpu.registers.mode)
    text = "no valid instruction" if instruction is None else instruction.mnemonic
    return (RaiseException(6, None, f"#UD: {text}"),)


def _software_interrupt(board: Board, cpu: Cpu) -> RaiseException:
    """INT n and INT3: the handler returns to the next instruction."""
    code = _code_bytes(board, cpu)
    vector = 3 if code.startswith(b"\xcc") else code[1]
    return RaiseException(vector, None, f"INT {vector:#x}", software=True)


def _exception(board: Board, cpu: Cpu, exit_: Exit) -> RaiseException:
    """A processor exception on its way to the guest's IDT; a #PF also sets CR2."""
    vector = exit_.code - vmcb.EXIT_EXCEPTION
    error = exit_.error if vector in interrupt.HAVE_ERROR_CODE else None
    if vector != interrupt.PAGE_FAULT:
        return RaiseException(vector, error, interrupt.name_of(vector))
    why = f"#PF {_access_words(exit_.error)} {exit_.info:#x}"
    return RaiseException(vector, error, why, fault_address=exit_.info)


def _access_words(error: int) -> str:
    """The error code of a page fault as what was tried (SDM 3, 4.7)."""
    if error & 0x10:
        return "fetching"
    return "writing" if error & 2 else "reading"


def _nested_fault(board: Board, cpu: Cpu, exit_: Exit) -> Crash | RaiseException:
    """What hardware does with an access that the nested table refuses, and that nothing of
    ours explains."""
    gpa = exit_.info
    verb = _access_words(exit_.error)
    what = f"cpu {cpu.id} at {board.place(cpu)}: {verb} GPA {gpa:#x}"
    if board.platform.isolation == "tdx" and gpa & board.shared_alias:
        return RaiseException(20, None, f"#VE: {what}, which is not shared")
    state = board.ram.state(Gpa(gpa))
    if state is None:
        return Crash(f"{what}, where there is no memory")
    if page_of(gpa) in board.broken_pages:
        return Crash(f"{what}, whose integrity the host has broken")
    if state == "unaccepted":
        return Crash(f"{what}, which is not accepted")
    return Crash(f"{what}, which the nested table does not allow ({state})")
