"""The synthetic MSRs of Hyper-V: identity, hypercall page, clocks, SynIC storage."""

from typing import Final

from emu.hw.address import PAGE_MASK, U64, Gpa
from emu.vmm.clock import APIC_HZ, reference_time
from emu.vmm.effects import Crash, Effects, OverlayHypercallPage, SetMsr
from emu.vmm.msrs import crash
from emu.vmm.msrs.entry import Msr, always, of_cpu, of_partition, store_cpu
from emu.vmm.state import Caller

GUEST_OS_ID: Final = 0x4000_0000
HYPERCALL: Final = 0x4000_0001
RESET: Final = 0x4000_0003
GUEST_IDLE: Final = 0x4000_00F0
FIRST: Final = 0x4000_0000
LAST: Final = 0x4000_FFFF
"""The range that is #VE in a TD and #GP without Hyper-V."""

ENABLE: Final = 1
LOCKED: Final = 2
_SINT_START: Final = 1 << 16
"""A synthetic interrupt source starts masked."""


def hypercalls_enabled(caller: Caller) -> bool:
    """Whether the guest named itself and has a hypercall page: before that, #UD."""
    msrs = caller.vmm.msrs
    return bool(msrs.get((None, GUEST_OS_ID)) and msrs.get((None, HYPERCALL), 0) & ENABLE)


def _write_os_id(caller: Caller, msr: int, value: int) -> Effects:
    """An identity of zero takes the hypercall page away (TLFS, establishing the interface)."""
    control = caller.vmm.msrs.get((None, HYPERCALL), 0)
    if value or not control & ENABLE:
        return (SetMsr(None, msr, value),)
    off = SetMsr(None, HYPERCALL, control & ~ENABLE)
    return (SetMsr(None, msr, 0), off, OverlayHypercallPage(None))


def _write_hypercall(caller: Caller, msr: int, value: int) -> Effects | None:
    """Bit 0 enables, bit 1 locks until reset, 63:12 is the page; 11:2 are kept as written.

    Without an identity the enable bit stays clear. #GP: any write to the locked register, a
    page where no memory is, and any page in a TD, over whose memory the host can lay none."""
    before = caller.vmm.msrs.get((None, msr), 0)
    if before & LOCKED:
        return None
    if not caller.vmm.msrs.get((None, GUEST_OS_ID)):
        value &= ~ENABLE
    page = Gpa(value & ~PAGE_MASK)
    if value & ENABLE:
        if caller.platform.isolation == "tdx" or caller.memory.state(page) is None:
            return None
        return (SetMsr(None, msr, value), OverlayHypercallPage(page))
    taken = (OverlayHypercallPage(None),) if before & ENABLE else ()
    return (SetMsr(None, msr, value), *taken)


def _write_reset(caller: Caller, msr: int, value: int) -> Effects | None:
    if value & ~1:
        return None
    return (Crash(f"CPU {caller.cpu} asked for a reset by MSR {msr:#x}"),) if value else ()


MSRS: Final = (
    Msr(GUEST_OS_ID, "HV_GUEST_OS_ID", of_partition(), _write_os_id),
    Msr(HYPERCALL, "HV_HYPERCALL", of_partition(), _write_hypercall),
    Msr(0x4000_0002, "HV_VP_INDEX", lambda caller, _: caller.cpu, None),
    Msr(RESET, "HV_RESET", always(0), _write_reset),
    Msr(
        0x4000_0010, "HV_VP_RUNTIME", lambda caller, _: reference_time(caller.nanoseconds), None
    ),
    Msr(
        0x4000_0020,
        "HV_TIME_REF_COUNT",
        lambda caller, _: reference_time(caller.nanoseconds),
        None,
    ),
    Msr(0x4000_0022, "HV_TSC_FREQUENCY", lambda caller, _: caller.platform.tsc_hz, None),
    Msr(0x4000_0023, "HV_APIC_FREQUENCY", always(APIC_HZ), None),
    Msr(0x4000_0073, "HV_VP_ASSIST_PAGE", of_cpu(), store_cpu(U64 & ~0xFFE)),
    Msr(0x4000_0080, "HV_SCONTROL", of_cpu(), store_cpu(1)),
    Msr(0x4000_0081, "HV_SVERSION", always(1), None),
    Msr(0x4000_0082, "HV_SIEFP", of_cpu(), store_cpu(U64)),
    Msr(0x4000_0083, "HV_SIMP", of_cpu(), store_cpu(U64)),
    Msr(0x4000_0084, "HV_EOM", always(0), lambda caller, msr, value: ()),
    Msr(0x4000_0090, "HV_SINT", of_cpu(_SINT_START), store_cpu(U64), 16),
    Msr(GUEST_IDLE, "HV_GUEST_IDLE", always(0), None),
    *crash.MSRS,
)
"""TLFS, synthetic MSRs. The VP assist page and the SynIC pages are stored, not overlaid."""
