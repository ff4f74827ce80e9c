"""RDMSR and WRMSR in a TD: what runs as on any CPU, what the TDX module answers, what it
refuses, and what is the host's and so a #VE.

The table is intel/tdx-module, `msr_config_lookup`, for a TD without PERFMON, with x87 and SSE
alone in XFAM, and with this machine's CPUID; what is not in it is a #VE both ways. The special
cases are `td_msr_access`.
"""

from typing import Final, Literal

from emu.hw.features import OFFERED, bits
from emu.vmm import msr
from emu.vmm.asked import Rdmsr, Wrmsr
from emu.vmm.effects import Complete, Effects, RaiseException, SetMsr, SetRegisters
from emu.vmm.msrs.entry import Msr, always, of_cpu, store_cpu, zero_only
from emu.vmm.state import Caller
from emu.vmm.tdx.control import EFER
from emu.vmm.ve import Reason, of_instruction

MsrAction = Literal["native", "module", "gp", "ve"]

DEBUGCTL: Final = 0x1D9
_GENERAL: Final = 13
_LOW: Final = range(0x2000)
_HIGH: Final = range(0xC000_0000, 0xC000_2000)
"""What the MSR bitmap covers (SDM 3, 25.6.9)."""

_DEADLINE: Final[MsrAction] = "ve" if OFFERED["1.ecx"] & bits(24) else "gp"
"""IA32_TSC_DEADLINE is the host's if CPUID offers it."""

ACTIONS: Final[tuple[tuple[int, int, MsrAction, MsrAction], ...]] = (
    (0x10, 0x10, "native", "ve"),
    (0x48, 0x49, "native", "native"),
    (0x87, 0x87, "gp", "gp"),
    (0x8C, 0x8F, "gp", "gp"),
    (0x98, 0x9B, "gp", "gp"),
    (0x9E, 0x9E, "gp", "gp"),
    (0xBC, 0xBC, "native", "ve"),
    (0xBD, 0xBD, "module", "native"),
    (0xC1, 0xC8, "gp", "gp"),
    (0xE1, 0xE1, "gp", "gp"),
    (0x10A, 0x10A, "module", "native"),
    (0x10B, 0x10B, "native", "native"),
    (0x122, 0x122, "gp", "gp"),
    (0x174, 0x176, "native", "native"),
    (0x186, 0x18D, "gp", "gp"),
    (0x195, 0x195, "gp", "gp"),
    (0x1A0, 0x1A0, "module", "ve"),
    (0x1A6, 0x1A7, "gp", "gp"),
    (0x1C4, 0x1C5, "gp", "gp"),
    (DEBUGCTL, DEBUGCTL, "module", "module"),
    (0x1F8, 0x1FA, "gp", "gp"),
    (0x276, 0x276, "gp", "gp"),
    (0x277, 0x277, "native", "native"),
    (0x309, 0x310, "gp", "gp"),
    (0x329, 0x329, "gp", "gp"),
    (0x345, 0x345, "module", "gp"),
    (0x38D, 0x392, "gp", "gp"),
    (0x3F1, 0x3F2, "gp", "gp"),
    (0x3F6, 0x3F7, "gp", "gp"),
    (0x480, 0x480, "module", "gp"),
    (0x481, 0x484, "ve", "gp"),
    (0x485, 0x489, "module", "gp"),
    (0x48A, 0x48A, "ve", "gp"),
    (0x48B, 0x492, "module", "gp"),
    (0x4C1, 0x4C8, "gp", "gp"),
    (0x500, 0x500, "gp", "gp"),
    (0x560, 0x561, "gp", "gp"),
    (0x570, 0x572, "gp", "gp"),
    (0x580, 0x587, "gp", "gp"),
    (0x600, 0x600, "native", "native"),
    (0x6A0, 0x6A0, "gp", "gp"),
    (0x6A2, 0x6A2, "gp", "gp"),
    (0x6A4, 0x6A8, "gp", "gp"),
    (0x6E0, 0x6E0, _DEADLINE, _DEADLINE),
    (0x6E1, 0x6E1, "gp", "gp"),
    (0x800, 0x801, "gp", "gp"),
    (0x804, 0x807, "gp", "gp"),
    (0x808, 0x80C, "native", "native"),
    (0x80E, 0x80E, "native", "native"),
    (0x810, 0x827, "native", "native"),
    (0x829, 0x82E, "gp", "gp"),
    (0x831, 0x831, "gp", "gp"),
    (0x83F, 0x83F, "native", "native"),
    (0x840, 0x8FF, "gp", "gp"),
    (0x981, 0x98A, "gp", "gp"),
    (0xC80, 0xC80, "native", "ve"),
    (0xD90, 0xD90, "gp", "gp"),
    (0xD93, 0xD93, "gp", "gp"),
    (0xDA0, 0xDA0, "native", "module"),
    (0x1200, 0x12FF, "gp", "gp"),
    (0x14CE, 0x14CF, "gp", "gp"),
    (0x1500, 0x16FF, "gp", "gp"),
    (0x1B01, 0x1B01, "native", "native"),
    (EFER, EFER, "native", "module"),
    (0xC000_0081, 0xC000_0082, "native", "native"),
    (0xC000_0084, 0xC000_0084, "native", "native"),
    (0xC000_0100, 0xC000_0103, "native", "native"),
)
"""(first, last, read, write)."""

_BY_NUMBER: Final = {
    number: (read, write)
    for first, last, read, write in ACTIONS
    for number in range(first, last + 1)
}


def _write_debugctl(caller: Caller, number: int, value: int) -> Effects | None:
    """Reserved bits, freezing in SMM and RTM are #GP; the uncore's interrupt stays off."""
    if value & ~_DEBUGCTL_BITS:
        return None
    return (SetMsr(caller.cpu, number, value & ~_UNCORE_PMI),)


_DEBUGCTL_BITS: Final = 0x3FC7
_UNCORE_PMI: Final = 1 << 13
_TRACE, _STORE_TRACE = 1 << 6, 1 << 7

OF_TD: Final = (
    Msr(0x48, "SPEC_CTRL", of_cpu(), store_cpu(7)),
    Msr(0x49, "PRED_CMD", None, store_cpu(1)),
    Msr(0xBD, "XAPIC_DISABLE_STATUS", always(1), None),
    Msr(0x10A, "ARCH_CAPABILITIES", always(0), None),
    Msr(0x10B, "FLUSH_CMD", None, store_cpu(1)),
    Msr(DEBUGCTL, "DEBUGCTL", of_cpu(), _write_debugctl),
    Msr(0x345, "PERF_CAPABILITIES", always(0), None),
    Msr(0x600, "DS_AREA", of_cpu(), store_cpu((1 << 64) - 1)),
    Msr(0xDA0, "XSS", always(0), zero_only),
)
"""What only a TD has: the module's CPUID promises these to every one, or the module answers
them. The VMX capabilities are not among them, for there are no nested VMs: #GP."""

_OF_TD: Final = {entry.number: entry for entry in OF_TD}


def action(number: int, write: bool) -> MsrAction:
    """What becomes of an access."""
    if number not in _LOW and number not in _HIGH:
        return "ve"
    return _BY_NUMBER.get(number, ("ve", "ve"))[write]


def _name(number: int) -> str:
    own = _OF_TD.get(number)
    return f"{own.name} ({number:#x})" if own is not None else msr.msr_name(number)


def _refused(number: int, verb: str) -> Effects:
    why = f"{verb} of {_name(number)}, which the TDX module refuses"
    return (RaiseException(_GENERAL, 0, why),)


def rdmsr(caller: Caller, asked: Rdmsr) -> Effects:
    """RDMSR of an MSR that the CPU does not keep itself."""
    number = asked.msr
    match action(number, write=False):
        case "ve":
            what = f"RDMSR of {_name(number)}"
            return of_instruction(caller, Reason.RDMSR, asked.size, what)
        case "gp":
            return _refused(number, "RDMSR")
    own = _OF_TD.get(number)
    if own is None:
        return msr.rdmsr(caller, number)
    value = own.read(caller, number) if own.read else None
    if value is None:
        return _refused(number, "RDMSR")
    return (SetRegisters((("rax", value & 0xFFFF_FFFF), ("rdx", value >> 32))), Complete())


def wrmsr(caller: Caller, asked: Wrmsr) -> Effects:
    """WRMSR of an MSR that the CPU does not keep itself; EFER is a control register."""
    number, value = asked.msr, asked.value
    match action(number, write=True):
        case "ve":
            return _returned(caller, asked)
        case "gp":
            return _refused(number, "WRMSR")
    if number == DEBUGCTL and value & (_TRACE | _STORE_TRACE) == _TRACE:
        return _returned(caller, asked)
    own = _OF_TD.get(number)
    if own is None:
        return msr.wrmsr(caller, number, value)
    effects = own.write(caller, number, value) if own.write else None
    return _refused(number, "WRMSR") if effects is None else (*effects, Complete())


def _returned(caller: Caller, asked: Wrmsr) -> Effects:
    what = f"WRMSR of {_name(asked.msr)}"
    return of_instruction(caller, Reason.WRMSR, asked.size, what)
