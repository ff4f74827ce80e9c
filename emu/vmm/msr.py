"""RDMSR and WRMSR: finds the register, and turns a refusal into the exception it raises."""

from typing import Final

from emu.vmm.effects import Complete, Effects, Halt, RaiseException, SetRegisters
from emu.vmm.msrs import architectural, hyperv, x2apic
from emu.vmm.msrs.architectural import NATIVE
from emu.vmm.msrs.entry import Msr
from emu.vmm.state import Caller
from emu.vmm.ve import RDMSR, WRMSR, virtualization_exception

__all__ = ["MSRS", "NATIVE", "msr_name", "msr_word", "rdmsr", "read_msr", "write_msr", "wrmsr"]

GP: Final = 13

MSRS: Final = (*architectural.MSRS, *x2apic.MSRS, *hyperv.MSRS)
"""Every modelled MSR; `NATIVE` lists those that the emulated CPU keeps itself."""

_BY_NUMBER: Final = {
    entry.number + index: entry for entry in MSRS for index in range(entry.count)
}

_TD_DIRECT: Final = frozenset(
    (0x10, 0x1B, 0x3B, 0x1A0, 0xC000_0103, 0x808, 0x80A, 0x80B, *range(0x810, 0x828), 0x83F)
)
"""What the TDX module answers without leaving the TD; any other access is #VE (TDX module
base specification, MSR virtualisation)."""


def _find(caller: Caller, msr: int) -> Msr | None:
    if hyperv.FIRST <= msr <= hyperv.LAST and not caller.platform.hyperv:
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
        return ""
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


def _in_td(caller: Caller, msr: int) -> bool:
    return caller.platform.isolation == "tdx" and msr not in _TD_DIRECT


def rdmsr(caller: Caller, msr: int) -> Effects:
    """RDMSR: the value to EDX:EAX, or #GP; #VE for an MSR of the host's in a TD.

    Reading HV_GUEST_IDLE also puts the CPU to sleep, as the TLFS says."""
    if _in_td(caller, msr):
        return virtualization_exception(caller, RDMSR, f"RDMSR of {msr_name(msr)} in a TD")
    value = read_msr(caller, msr)
    if value is None:
        return (_refused(caller, msr, "RDMSR"),)
    idle = (Halt(),) if msr == hyperv.GUEST_IDLE else ()
    parts = SetRegisters((("rax", value & 0xFFFF_FFFF), ("rdx", value >> 32)))
    return (parts, Complete(), *idle)


def wrmsr(caller: Caller, msr: int, value: int) -> Effects:
    """WRMSR of a 64-bit value, or #GP; #VE for an MSR of the host's in a TD."""
    if _in_td(caller, msr):
        return virtualization_exception(caller, WRMSR, f"WRMSR of {msr_name(msr)} in a TD")
    effects = write_msr(caller, msr, value)
    if effects is None:
        return (_refused(caller, msr, "WRMSR"),)
    return (*effects, Complete())
