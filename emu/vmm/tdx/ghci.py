"""The guest-host interface behind VMCALL with R10 = 0: CPUID, HLT, I/O, MSRs and the rest."""

from typing import Final

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa
from emu.vmm.cpuid import read_cpuid
from emu.vmm.devices import port_words
from emu.vmm.devices.hotplug import LOWEST_NOTICE, ask_for_notices
from emu.vmm.effects import Cost, Crash, Halt
from emu.vmm.msr import msr_name, read_msr, write_msr
from emu.vmm.msrs.crash import printable
from emu.vmm.tdx.abi import SHARED_BIT
from emu.vmm.tdx.host import HostCall, HostReply, Subfunction, invalid, ok
from emu.vmm.tdx.leaf import Shown

CPUID: Final = 0xA
RDMSR: Final = 0x1F
"""Subfunctions that read something (GHCI 1.5, table 2-3)."""
_PORTS: Final = 0x1_0000
_PAGE_VALID: Final = 1 << 63
_TEXT_REGISTERS: Final = ("r14", "r15", "rbx", "rdi", "rsi", "r8", "r9", "rdx")
"""Where ReportFatalError carries 64 bytes of text (GHCI 1.5, 3.4)."""


def _low(value: int) -> int:
    return value & 0xFFFF_FFFF


def _get_info(call: HostCall) -> HostReply:
    """R12 = 0: which base functions there are; all of them, so the leaves are zero."""
    if call.register("r12"):
        return invalid(f"R12: there is no leaf {call.register('r12'):#x}")
    return ok(("r11", 0), ("r12", 0), ("r13", 0), ("r14", 0))


def _cpuid(call: HostCall) -> HostReply:
    """R12 leaf, R13 sub-leaf; EAX to EDX come back in R12 to R15."""
    leaf, subleaf = _low(call.register("r12")), _low(call.register("r13"))
    eax, ebx, ecx, edx = read_cpuid(call.caller, leaf, subleaf)
    return ok(("r12", eax), ("r13", ebx), ("r14", ecx), ("r15", edx))


def _halt(call: HostCall) -> HostReply:
    """R12: whether interrupts are blocked (GHCI 1.5, 3.8). The host believes it, and not the
    flags, which it does not see: Linux calls with IF and R12 clear, and sets IF behind the call
    (KVM, vmx/tdx.c, tdx_interrupt_allowed)."""
    return ok(effects=(Halt(masked_wakes=not call.register("r12") & 0xFF),))


def _io(call: HostCall) -> HostReply:
    """R12 bytes (1, 2, 4), R13 direction (1: out), R14 port, R15 data; IN answers in R11."""
    size, direction, port = (call.register(name) for name in ("r12", "r13", "r14"))
    if size not in (1, 2, 4) or direction > 1 or port + size > _PORTS:
        return invalid(f"R12 size {size:#x}, R13 direction {direction:#x}, R14 port {port:#x}")
    cost = Cost(call.caller.platform.costs.io_ns)
    if direction:
        value = call.register("r15") & ((1 << 8 * size) - 1)
        return ok(effects=(*call.caller.bus.port_out(call.caller, port, size, value), cost))
    value, effects = call.caller.bus.port_in(call.caller, port, size)
    return ok(("r11", value), effects=(*effects, cost))


def _rdmsr(call: HostCall) -> HostReply:
    """R12 is the MSR, its value comes back in R11; what would be #GP is an invalid operand."""
    number = _low(call.register("r12"))
    value = read_msr(call.caller, number)
    if value is None:
        return invalid(f"R12: {msr_name(number)} cannot be read")
    return ok(("r11", value))


def _wrmsr(call: HostCall) -> HostReply:
    """R12 is the MSR, R13 the value."""
    number, value = _low(call.register("r12")), call.register("r13")
    effects = write_msr(call.caller, number, value)
    if effects is None:
        return invalid(f"R12 and R13: {msr_name(number)} does not take {value:#x}")
    return ok(effects=effects)


def _mmio(call: HostCall) -> HostReply:
    """R12 bytes (1, 2, 4, 8), R13 direction (1: store), R14 address, R15 data; a load answers
    in R11."""
    size, direction, gpa = (call.register(name) for name in ("r12", "r13", "r14"))
    if size not in (1, 2, 4, 8) or direction > 1:
        return invalid(f"R12 size {size:#x}, R13 direction {direction:#x}")
    gpa, cost = gpa & ~SHARED_BIT, Cost(call.caller.platform.costs.io_ns)
    if direction:
        value = call.register("r15") & (1 << 8 * size) - 1
        written = call.caller.bus.write(call.caller, gpa, size, value)
        return _no_device(gpa) if written is None else ok(effects=(*written, cost))
    read = call.caller.bus.read(call.caller, gpa, size)
    return _no_device(gpa) if read is None else ok(("r11", read[0]), effects=(*read[1], cost))


def _no_device(gpa: int) -> HostReply:
    return invalid(f"R14: there is no device at {gpa:#x}")


def _page_text(call: HostCall, gpa: int) -> str:
    """What the page of additional information says, if the host can read it."""
    count = PAGE_BYTES - (gpa & PAGE_MASK)
    data = call.caller.memory.read(Gpa(gpa & ~SHARED_BIT), count) or b""
    text = data.split(b"\0", 1)[0]
    return "" if any(byte >= 0x80 for byte in text) else printable(text)


def _fatal(call: HostCall) -> HostReply:
    """R12 the code (bit 63: R13 is a page with more), the text in eight registers."""
    code = call.register("r12")
    data = b"".join(call.register(name).to_bytes(8, "little") for name in _TEXT_REGISTERS)
    text = printable(data)
    if not text and code & _PAGE_VALID:
        text = _page_text(call, call.register("r13"))
    cpu = call.caller.cpu
    reason = f"CPU {cpu} reported fatal error {_low(code):#x}: {text or 'no message'}"
    return ok(effects=(Crash(reason),))


def _notify(call: HostCall) -> HostReply:
    """R12 the vector by which the host tells the calling CPU that something happens (GHCI 1.5,
    3.5); the first 32 are exceptions'."""
    vector = call.register("r12")
    if not LOWEST_NOTICE <= vector <= 0xFF:
        return invalid(f"R12: vector {vector:#x} is no interrupt's")
    return ok(effects=ask_for_notices(call.caller.cpu, vector))


def _direction(value: int) -> str:
    return {0: "in", 1: "out"}.get(value, f"{value:#x}")


def _port_words(port: int) -> str:
    name = port_words(port)
    return f"{port:#x} ({name})" if name else f"{port:#x}"


_MSR: Final = Shown("r12", "msr", lambda value: msr_name(_low(value)))
_PORT: Final = Shown("r14", "port", _port_words)
_ACCESS: Final = (Shown("r12", "size", str), Shown("r13", "direction", _direction))
_READ: Final = (Shown("r11", "value"),)
_FOUR: Final = tuple(
    Shown(register, name)
    for register, name in zip(
        ("r12", "r13", "r14", "r15"), ("eax", "ebx", "ecx", "edx"), strict=True
    )
)
SUBFUNCTIONS: Final = (
    Subfunction(CPUID, "CPUID", _cpuid, (Shown("r12", "leaf"), Shown("r13", "subleaf")), _FOUR),
    Subfunction(0xC, "HLT", _halt, (Shown("r12", "blocked"),)),
    Subfunction(
        0x1E,
        "IO",
        _io,
        (*_ACCESS, Shown("r14", "port", _port_words), Shown("r15", "data")),
        _READ,
    ),
    Subfunction(RDMSR, "RDMSR", _rdmsr, (_MSR,), _READ),
    Subfunction(0x20, "WRMSR", _wrmsr, (_MSR, Shown("r13", "value"))),
    Subfunction(
        0x30, "RequestMMIO", _mmio, (*_ACCESS, Shown("r14", "gpa"), Shown("r15", "data")), _READ
    ),
    Subfunction(0x10000, "GetTdVmCallInfo", _get_info, (Shown("r12", "leaf"),)),
    Subfunction(
        0x10003, "ReportFatalError", _fatal, (Shown("r12", "code"), Shown("r13", "page"))
    ),
    Subfunction(0x10004, "SetupEventNotifyInterrupt", _notify, (Shown("r12", "vector"),)),
)
"""GHCI 1.5, section 3; the low numbers are VMX exit reasons. MapGPA has a file of its own."""
