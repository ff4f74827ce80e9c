"""What the guest reads as time: every counter is integer arithmetic on a CPU's nanoseconds."""

from datetime import UTC, datetime
from typing import Final

from emu.boot.platform import Platform
from emu.hw.address import U64
from emu.vmm.effects import Effects, SetRegisters
from emu.vmm.state import Caller, VmmState

NS_PER_SECOND: Final = 1_000_000_000
REFERENCE_NS: Final = 100
"""One count of the Hyper-V reference counter (TLFS, partition reference counter)."""
CRYSTAL_HZ: Final = 25_000_000
"""CPUID 0x15 ECX: openhcl_boot assumes this crystal (openvmm,
openhcl/openhcl_boot/src/arch/x86_64/tdx.rs)."""
APIC_HZ: Final = 200_000_000
"""What HV_X64_MSR_APIC_FREQUENCY reports."""
BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The date at which every machine is switched on: never the host's."""
TSC_ADJUST: Final = 0x3B
"""IA32_TSC_ADJUST: the offset of a CPU's TSC lives in this MSR (SDM 3, 18.17.3)."""
TSC_AUX: Final = 0xC000_0103
"""IA32_TSC_AUX: what RDTSCP calls the processor by."""


def tsc(platform: Platform, nanoseconds: int, adjust: int = 0) -> int:
    """The time-stamp counter at a CPU's clock; `adjust` is that CPU's IA32_TSC_ADJUST."""
    return (nanoseconds * platform.tsc_hz // NS_PER_SECOND + adjust) & U64


def nanoseconds_at(platform: Platform, count: int, adjust: int = 0) -> int:
    """The first nanosecond at which the TSC is not below `count`: the inverse of `tsc`."""
    ticks = max(count - adjust, 0)
    return -(-ticks * NS_PER_SECOND // platform.tsc_hz)


def tsc_of(caller: Caller) -> int:
    """The calling CPU's time-stamp counter now."""
    return tsc_at(caller.platform, caller.vmm, caller.cpu, caller.nanoseconds)


def tsc_at(platform: Platform, vmm: VmmState, cpu: int, nanoseconds: int) -> int:
    """The time-stamp counter of a CPU that is told that time."""
    adjust = vmm.msrs.get((cpu, TSC_ADJUST), 0)
    return (nanoseconds * platform.tsc_hz // NS_PER_SECOND + adjust) & U64


def reference_time(nanoseconds: int) -> int:
    """The Hyper-V partition reference counter, in 100 ns units."""
    return nanoseconds // REFERENCE_NS


def processor_id(caller: Caller) -> Effects:
    """What RDTSCP gives beside the counter: IA32_TSC_AUX in ECX."""
    return (SetRegisters((("rcx", caller.vmm.msrs.get((caller.cpu, TSC_AUX), 0)),)),)


def shown(count: int) -> SetRegisters:
    """The counter as RDTSC gives it: in EDX:EAX, the upper halves become zero."""
    return SetRegisters((("rax", count & 0xFFFF_FFFF), ("rdx", count >> 32)))
