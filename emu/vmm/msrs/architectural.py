"""The processor's own MSRs that the model answers: time, memory types, platform information."""

from typing import Final

from emu.hw.address import U64
from emu.vmm.clock import TSC_ADJUST, TSC_AUX, tsc_of
from emu.vmm.cpuid import MISC_ENABLE, misc_enable
from emu.vmm.effects import Effects, SetMsr
from emu.vmm.msrs import kvm
from emu.vmm.msrs.entry import Msr, always, of_cpu, store_cpu, zero_only
from emu.vmm.state import Caller

NATIVE: Final = frozenset(
    (
        *(0x174, 0x175, 0x176, 0x277),
        *range(0xC000_0081, 0xC000_0085),
        *range(0xC000_0100, 0xC000_0103),
    )
)
"""MSRs the emulated CPU keeps itself: SYSENTER, PAT, STAR to FMASK, FS, GS, kernel GS.
EFER is not here: writes of it are those of a control register (`emu.vmm.controls`)."""

_MEMORY_TYPES: Final = (0, 1, 4, 5, 6)
_MTRR_ENABLE: Final = 1 << 11
_MTRR_FIXED: Final = 1 << 10
_WRITE_BACK: Final = 6


def _write_tsc(caller: Caller, msr: int, value: int) -> Effects:
    """Writing the TSC moves IA32_TSC_ADJUST by the same amount (SDM 3, 18.17.3)."""
    adjust = caller.vmm.msrs.get((caller.cpu, TSC_ADJUST), 0)
    moved = (adjust + value - tsc_of(caller)) & U64
    return (SetMsr(caller.cpu, TSC_ADJUST, moved), *kvm.tell_time(caller, value))


def _write_adjust(caller: Caller, msr: int, value: int) -> Effects:
    """The TSC moves by as much."""
    by = value - caller.vmm.msrs.get((caller.cpu, TSC_ADJUST), 0)
    told = kvm.tell_time(caller, (tsc_of(caller) + by) & U64)
    return (SetMsr(caller.cpu, TSC_ADJUST, value), *told)


def _mtrr_type(caller: Caller, msr: int) -> int:
    """A firmware has switched them on, but not in a TD, where they are as at power-up, since no
    guest could (SDM 3, 11.11.2.1; KVM, mtrr.c): one that found them on would want to set them,
    and CR0.CD for that, which the TDX module refuses."""
    usual = 0 if caller.platform.isolation == "tdx" else _MTRR_ENABLE | _WRITE_BACK
    return caller.vmm.msrs.get((caller.cpu, msr), usual)


def _write_mtrr_type(caller: Caller, msr: int, value: int) -> Effects | None:
    if value & ~(0xFF | _MTRR_ENABLE | _MTRR_FIXED) or value & 0xFF not in _MEMORY_TYPES:
        return None
    return (SetMsr(caller.cpu, msr, value),)


MSRS: Final = (
    Msr(0x10, "TIME_STAMP_COUNTER", lambda caller, _: tsc_of(caller), _write_tsc),
    Msr(0x17, "PLATFORM_ID", always(0), None),
    Msr(0x3A, "FEATURE_CONTROL", always(1), None),
    Msr(TSC_ADJUST, "TSC_ADJUST", of_cpu(), _write_adjust),
    Msr(0x8B, "BIOS_SIGN_ID", of_cpu(1 << 32), store_cpu(U64)),
    Msr(0xFE, "MTRRCAP", always(1 << 10), None),
    Msr(0x179, "MCG_CAP", always(0), None),
    Msr(0x17A, "MCG_STATUS", always(0), zero_only),
    Msr(
        MISC_ENABLE,
        "MISC_ENABLE",
        lambda caller, _: misc_enable(caller),
        store_cpu(0x4_0085_1889),
    ),
    Msr(
        0x2FF,
        "MTRR_DEF_TYPE",
        _mtrr_type,
        _write_mtrr_type,
    ),
    Msr(TSC_AUX, "TSC_AUX", of_cpu(), store_cpu(0xFFFF_FFFF)),
)
"""SDM 4, table 2-2. MTRRCAP: write-combining, no fixed and no variable ranges."""
