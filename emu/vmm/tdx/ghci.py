"""The guest-host interface behind VMCALL with R10 = 0: CPUID, HLT, I/O, MSRs and the rest."""

from typing import Final

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa
from emu.vmm.cpuid import read_cpuid
from emu.vmm.effects import Cost, Crash, Halt
from emu.vmm.msr import read_msr, write_msr
from emu.vmm.msrs.crash import printable
from emu.vmm.tdx.abi import SHARED_BIT
from emu.vmm.tdx.host import HostCall, HostReply, Subfunction, invalid, ok

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
        return invalid()
    return ok(("r11", 0), ("r12", 0), ("r13", 0), ("r14", 0))


def _cpuid(call: HostCall) -> HostReply:
    """R12 leaf, R13 sub-leaf; EAX to EDX come back in R12 to R15."""
    leaf, subleaf = _low(call.register("r12")), _low(call.register("r13"))
    eax, ebx, ecx, edx = read_cpuid(call.caller, leaf, subleaf)
    return ok(("r12", eax), ("r13", ebx), ("r14", ecx), ("r15", edx))


def _halt(call: HostCall) -> HostReply:
    return ok(effects=(Halt(),))


def _io(call: HostCall) -> HostReply:
    """R12 bytes (1, 2, 4), R13 direction (1: out), R14 port, R15 data; IN answers in R11."""
    size, direction, port = (call.register(name) for name in ("r12", "r13", "r14"))
    if size not in (1, 2, 4) or direction > 1 or port + size > _PORTS:
        return invalid()
    cost = Cost(call.caller.platform.costs.io_ns)
    if direction:
        value = call.register("r15") & ((1 << 8 * size) - 1)
        return ok(effects=(*call.caller.bus.port_out(call.caller, port, size, value), cost))
    value, effects = call.caller.bus.port_in(call.caller, port, size)
    return ok(("r11", value), effects=(*effects, cost))


def _rdmsr(call: HostCall) -> HostReply:
    """R12 is the MSR, its value comes back in R11; what would be #GP is an invalid operand."""
    value = read_msr(call.caller, _low(call.register("r12")))
    return invalid() if value is None else ok(("r11", value))


def _wrmsr(call: HostCall) -> HostReply:
    """R12 is the MSR, R13 the value."""
    effects = write_msr(call.caller, _low(call.register("r12")), call.register("r13"))
    return invalid() if effects is None else ok(effects=effects)


def _mmio(call: HostCall) -> HostReply:
    """R12 bytes (1, 2, 4, 8), R13 direction (1: store), R14 address, R15 data; a load answers
    in R11."""
    size, direction, gpa = (call.register(name) for name in ("r12", "r13", "r14"))
    if size not in (1, 2, 4, 8) or direction > 1:
        return invalid()
    gpa, cost = gpa & ~SHARED_BIT, Cost(call.caller.platform.costs.io_ns)
    if direction:
        value = call.register("r15") & (1 << 8 * size) - 1
        written = call.caller.bus.write(call.caller, gpa, size, value)
        return invalid() if written is None else ok(effects=(*written, cost))
    read = call.caller.bus.read(call.caller, gpa, size)
    return invalid() if read is None else ok(("r11", read[0]), effects=(*read[1], cost))


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


SUBFUNCTIONS: Final = (
    Subfunction(CPUID, "CPUID", _cpuid),
    Subfunction(0xC, "HLT", _halt),
    Subfunction(0x1E, "IO", _io),
    Subfunction(RDMSR, "RDMSR", _rdmsr),
    Subfunction(0x20, "WRMSR", _wrmsr),
    Subfunction(0x30, "RequestMMIO", _mmio),
    Subfunction(0x10000, "GetTdVmCallInfo", _get_info),
    Subfunction(0x10003, "ReportFatalError", _fatal),
)
"""GHCI 1.5, section 3; the low numbers are VMX exit reasons. MapGPA has a file of its own."""
