"""What was asked, in words: as the log of exits has it, in one word for counting, and as the
names and numbers that people look for."""

from typing import Final

from emu.hw import interrupt
from emu.vmm import asked as ask
from emu.vmm.hypercalls.dispatch import hypercall_name
from emu.vmm.msr import msr_name, msr_word
from emu.vmm.tdx.dispatch import leaf_name
from emu.vmm.tdx.vmcall import subfunction_name

_NAMES: Final[dict[type[ask.Exiting], str]] = {
    ask.Cpuid: "cpuid", ask.Rdmsr: "msr", ask.Wrmsr: "msr", ask.Vmcall: "#UD",
    ask.Tdcall: "#UD", ask.PortIn: "port in", ask.PortOut: "port out", ask.Rdtsc: "rdtsc",
    ask.PauseHint: "pause", ask.Hlt: "hlt", ask.SoftInterrupt: "int", ask.Undefined: "#UD",
    ask.NestedFault: "npf", ask.ShutDown: "shutdown", ask.Syscall: "syscall",
    ask.EngineFailed: "error", ask.MmioRead: "mmio", ask.MmioWrite: "mmio",
    ask.OddAccess: "mmio", ask.Rdpmc: "rdpmc", ask.ReadTaskPriority: "cr8",
    ask.WriteTaskPriority: "cr8", ask.Monitor: "monitor", ask.Mwait: "mwait",
}  # fmt: skip


def name_of(asked: ask.Asked) -> str:
    """The exit in a word, for counting: `rdtsc`, `port out`, `#PF`."""
    found = _NAMES.get(type(asked))
    if found is not None:
        return found
    match asked:
        case (
            ask.CacheFlush(mnemonic=name)
            | ask.RandomNumber(mnemonic=name)
            | ask.SevInstruction(mnemonic=name)
            | ask.NotOffered(name=name)
        ):
            return name
        case ask.CpuFault(vector=vector):
            return interrupt.name_of(vector)
        case ask.ControlWrite(register=register):
            return register
    raise AssertionError(f"{asked} has no name")


def describe(asked: ask.Asked) -> str:
    """`tdcall TDG.MEM.PAGE.ACCEPT`, `wrmsr APIC_BASE (0x1b) = 0xfee00900`, `port out 0x3f8`."""
    match asked:
        case ask.Cpuid(_, leaf, subleaf):
            return f"cpuid {leaf:#x} {subleaf:#x}"
        case ask.Rdmsr(_, msr):
            return f"rdmsr {msr_name(msr)}"
        case ask.Wrmsr(_, msr, value):
            return f"wrmsr {msr_name(msr)} = {value:#x}"
        case ask.ControlWrite(_, register, value):
            return f"write {register} = {value:#x}"
        case ask.Vmcall(_, control, _):
            return f"hypercall {hypercall_name(control)}"
        case ask.Tdcall():
            return _tdcall(asked)
        case ask.PortIn(_, port, _):
            return f"port in {port:#x}"
        case ask.PortOut(_, port, _, value):
            return f"port out {port:#x} = {value:#x}"
        case ask.WriteTaskPriority(_, value):
            return f"cr8 = {value:#x}"
        case ask.MmioRead(_, gpa, width):
            return f"mmio read {gpa:#x} {width}"
        case ask.MmioWrite(_, gpa, width, value):
            return f"mmio write {gpa:#x} {width} = {value:#x}"
        case ask.OddAccess(_, doing, gpa):
            return f"mmio {doing} {gpa:#x}"
        case ask.NestedFault(_, error, gpa):
            return f"npf {access_word(error)} gpa {gpa:#x}"
        case ask.Undefined():
            return "exception #UD"
        case ask.CpuFault(_, interrupt.PAGE_FAULT, error, address):
            return f"exception #PF {access_word(error)} {address:#x}"
        case ask.CpuFault(_, vector, _, _):
            return f"exception {interrupt.name_of(vector)}"
        case _:
            return name_of(asked)


def _tdcall(asked: ask.Tdcall) -> str:
    leaf = f"tdcall {leaf_name(asked.leaf)}"
    if asked.hypercall is not None:
        return f"{leaf} hypercall {hypercall_name(asked.hypercall)}"
    if asked.subfunction is not None:
        return f"{leaf} {subfunction_name(asked.subfunction)}"
    return leaf


def access_word(error: int) -> str:
    """The error code of a page fault as what was tried (SDM 3, 4.7)."""
    if error & 0x10:
        return "fetching"
    return "writing" if error & 2 else "reading"


def families(asked: ask.Asked) -> tuple[str, ...]:
    """What kinds of exit it is, for people: `wrmsr` and `msr`, `tdcall` and `hypercall`."""
    match asked:
        case ask.Rdmsr():
            return ("rdmsr", "msr")
        case ask.Wrmsr():
            return ("wrmsr", "msr")
        case ask.Vmcall():
            return ("hypercall",)
        case ask.Tdcall():
            return ("tdcall",) if asked.hypercall is None else ("tdcall", "hypercall")
        case ask.PortIn():
            return ("port", "in")
        case ask.PortOut():
            return ("port", "out")
        case ask.ControlWrite(register=register):
            return ("exception", "write", register)
        case ask.CpuFault() | ask.Undefined():
            return ("exception",)
        case ask.NestedFault():
            return ("npf", "gpa")
        case ask.MmioRead():
            return ("mmio", "read")
        case ask.MmioWrite():
            return ("mmio", "write")
        case _:
            return (name_of(asked),)


def names(asked: ask.Asked) -> tuple[str, ...]:
    """The names of the things it is about, the most general first."""
    match asked:
        case ask.Rdmsr(_, msr) | ask.Wrmsr(_, msr, _):
            return (msr_word(msr),)
        case ask.Vmcall(_, control, _):
            return (hypercall_name(control),)
        case ask.Tdcall():
            inner: tuple[str, ...] = ()
            if asked.hypercall is not None:
                inner = (hypercall_name(asked.hypercall),)
            elif asked.subfunction is not None:
                inner = (subfunction_name(asked.subfunction),)
            return (leaf_name(asked.leaf), *inner)
        case ask.NestedFault(_, error, _):
            return (access_word(error),)
        case ask.OddAccess(_, doing):
            return (doing,)
        case ask.Undefined():
            return ("#UD",)
        case ask.CpuFault(_, vector, error, _):
            page = (access_word(error),) if vector == interrupt.PAGE_FAULT else ()
            return (interrupt.name_of(vector), *page)
        case _:
            return ()


def numbers(asked: ask.Asked) -> tuple[int, ...]:
    """The numbers that say what it is about."""
    match asked:
        case ask.Cpuid(_, leaf, subleaf):
            return (leaf, subleaf)
        case ask.Rdpmc(_, counter):
            return (counter,)
        case ask.Rdmsr(_, msr):
            return (msr,)
        case ask.Wrmsr(_, msr, value):
            return (msr, value)
        case ask.Vmcall(_, control, _):
            return (control & 0xFFFF,)
        case ask.SevInstruction(_, mnemonic, address) if mnemonic != "vmgexit":
            return (address,)
        case ask.Tdcall(_, leaf, r10, r11):
            inner = r10 & 0xFFFF if r10 else r11
            return (leaf,) if leaf else (leaf, inner)
        case ask.PortIn(_, port, _):
            return (port,)
        case ask.PortOut(_, port, _, value):
            return (port, value)
        case ask.ControlWrite(_, _, value):
            return (value,)
        case ask.NestedFault(_, _, gpa) | ask.OddAccess(_, _, gpa):
            return (gpa,)
        case ask.MmioRead(_, gpa, width):
            return (gpa, width)
        case ask.WriteTaskPriority(_, value):
            return (value,)
        case ask.MmioWrite(_, gpa, width, value):
            return (gpa, width, value)
        case ask.CpuFault(_, interrupt.PAGE_FAULT, _, address):
            return (address,)
        case _:
            return ()
