"""RDMSR and WRMSR: finds the register, and turns a refusal into the exception it raises."""

from typing import Final

from emu.vmm.effects import Complete, Effects, Halt, RaiseException, SetRegisters
from emu.vmm.msrs import architectural, ghcb, hyperv, kvm, x2apic
from emu.vmm.msrs.architectural import NATIVE
from emu.vmm.msrs.entry import Msr
from emu.vmm.state import Caller

__all__ = ["MSRS", "NATIVE", "msr_name", "msr_word", "rdmsr", "read_msr", "write_msr", "wrmsr"]

GP: Final = 13

MSRS: Final = (*architectural.MSRS, *x2apic.MSRS, *hyperv.MSRS, *kvm.MSRS, *ghcb.MSRS)
"""Every modelled MSR; `NATIVE` lists those that the emulated CPU keeps itself."""

_OF_THE_CPU: Final = {
    0x174: "SYSENTER_CS", 0x175: "SYSENTER_ESP", 0x176: "SYSENTER_EIP", 0x277: "PAT",
    0xC000_0080: "EFER", 0xC000_0081: "STAR", 0xC000_0082: "LSTAR", 0xC000_0083: "CSTAR",
    0xC000_0084: "FMASK", 0xC000_0100: "FS_BASE", 0xC000_0101: "GS_BASE",
    0xC000_0102: "KERNEL_GS_BASE",
}  # fmt: skip
"""Names of those that it keeps itself; in a TD accesses to some of them exit."""
_BY_NUMBER: Final = {
    entry.number + index: entry for entry in MSRS for index in range(entry.count)
}


def _find(caller: Caller, msr: int) -> Msr | None:
    if hyperv.FIRST <= msr <= hyperv.LAST and not caller.platform.hyperv:
        return None
    if kvm.FIRST <= msr <= kvm.LAST and not kvm.has_clock(caller.platform):
        return None
    return _BY_NUMBER.get(msr)


def msr_name(msr: int) -> str:
    """What people call an MSR: "X2APIC_ICR (0x830)", or just its number."""
    word = msr_word(msr)
    return f"{word} ({msr:#x})" if word else f"{msr:#x}"


def msr_word(msr: int) -> str:
    """The name of an MSR alone: "X2APIC_ICR"; empty if nobody knows one."""
    entry = _BY_NUMBER.get(msr)
    if entry is None:
        return _OF_THE_CPU.get(msr, "")
    return entry.name + (str(msr - entry.number) if entry.count > 1 else "")


def read_msr(caller: Caller, msr: int) -> int | None:
    """The value of an MSR as the VMM knows it; None where reading it is #GP."""
    entry = _find(caller, msr)
    return entry.read(caller, msr) if entry is not None and entry.read else None


def write_msr(caller: Caller, msr: int, value: int) -> Effects | None:
    """What writing an MSR does; None where the write is #GP."""
    entry = _find(caller, msr)
    return entry.write(caller, msr, value) if entry is not None and entry.write else None


def _refused(caller: Caller, msr: int, verb: str) -> RaiseException:
    if _find(caller, msr) is None:
        return RaiseException(GP, 0, f"{verb} of unknown MSR {msr:#x}")
    return RaiseException(GP, 0, f"{verb} of {msr_name(msr)} is not allowed now")


def rdmsr(caller: Caller, msr: int) -> Effects:
    """RDMSR: the value to EDX:EAX, or #GP. In a TD the TDX module is asked first.

    Reading HV_GUEST_IDLE also puts the CPU to sleep, as the TLFS says."""
    value = read_msr(caller, msr)
    if value is None:
        return (_refused(caller, msr, "RDMSR"),)
    idle = (Halt(),) if msr == hyperv.GUEST_IDLE else ()
    parts = SetRegisters((("rax", value & 0xFFFF_FFFF), ("rdx", value >> 32)))
    return (parts, Complete(), *idle)


def wrmsr(caller: Caller, msr: int, value: int) -> Effects:
    """WRMSR of a 64-bit value, or #GP. In a TD the TDX module is asked first."""
    effects = write_msr(caller, msr, value)
    if effects is None:
        return (_refused(caller, msr, "WRMSR"),)
    return (*effects, Complete())
