"""TDG.VP.INFO (1), TDG.VP.VEINFO.GET (3), TDG.VP.CPUIDVE.SET (5): a vCPU about itself."""

from typing import Final

from emu.vmm.effects import Effects, SetVeInfo
from emu.vmm.state import Caller
from emu.vmm.tdx.abi import GPAW, Code, Operand
from emu.vmm.tdx.leaf import Shown, TdcallLeaf, done, failed
from emu.vmm.ve import Reason

ATTRIBUTES: Final = 1 << 28
"""TD attributes: SEPT_VE_DISABLE only, so a missing private page is the host's fault."""
SYS_RD_AVAILABLE: Final = 1
"""R10 of VP.INFO: TDG.SYS.RD can be called."""
_NOTHING: Final = (("rcx", 0), ("rdx", 0), ("r8", 0), ("r9", 0), ("r10", 0))


def _vp_info(caller: Caller) -> Effects:
    cpus = caller.platform.cpus
    return done(
        ("rcx", GPAW),
        ("rdx", ATTRIBUTES),
        ("r8", cpus << 32 | cpus),
        ("r9", caller.cpu),
        ("r10", SYS_RD_AVAILABLE),
        ("r11", 0),
    )


def _ve_info(caller: Caller) -> Effects:
    """Hands out the record once; a second #VE before that would be a double fault."""
    info = caller.vmm.ve_info.get(caller.cpu)
    if info is None:
        why = "VP.VEINFO.GET with no #VE pending"
        return failed(Code.NO_VALID_VE_INFO, why=why, registers=_NOTHING)
    found = done(
        ("rcx", info.reason),
        ("rdx", info.qualification),
        ("r8", info.gla),
        ("r9", info.gpa),
        ("r10", info.instruction_information << 32 | info.instruction_bytes),
    )
    return (SetVeInfo(caller.cpu, None), *found)


def _cpuid_ve(caller: Caller) -> Effects:
    """Bit 0 asks for #VE on CPUID in the kernel, bit 1 in user mode; never delivered here
    (docs/limits.md)."""
    flags = caller.registers("rcx")
    if flags & ~3:
        return failed(Code.OPERAND_INVALID, Operand.RCX, f"CPUIDVE.SET flags {flags:#x}")
    return done()


def _reason(value: int) -> str:
    known = {one.value: one.name for one in Reason}
    return f"{value} ({known[value]})" if value in known else str(value)


_INFO: Final = (
    Shown("rcx", "gpaw", str), Shown("rdx", "attributes"),
    Shown("r8", "vcpus", lambda value: str(value & 0xFFFF_FFFF)),
    Shown("r9", "vcpu", str), Shown("r10", "sys_rd"),
)  # fmt: skip
_VE_INFO: Final = (
    Shown("rcx", "reason", _reason), Shown("rdx", "qualification"), Shown("r8", "gla"),
    Shown("r9", "gpa"), Shown("r10", "length", lambda value: str(value & 0xFFFF_FFFF)),
)  # fmt: skip
LEAVES: Final = (
    TdcallLeaf(1, "VP.INFO", _vp_info, gives=_INFO),
    TdcallLeaf(3, "VP.VEINFO.GET", _ve_info, gives=_VE_INFO),
    TdcallLeaf(5, "VP.CPUIDVE.SET", _cpuid_ve, takes=(Shown("rcx", "flags"),)),
)
