"""KVM's clock: pages from which a guest reckons its time by its TSC.

Source: Linux, Documentation/virt/kvm/x86/msr.rst (the MSRs and both structures),
arch/x86/kvm/x86.c (kvm_guest_time_update, kvm_get_time_scale, kvm_write_wall_clock; INIT
takes a CPU's page away, kvmclock_reset). The host fills a page in when it is named, and again
when the guest has moved its TSC; nothing else changes how the two agree.
"""

import struct
from typing import Final

from emu.boot.platform import Platform
from emu.hw.address import Gpa
from emu.vmm import clock
from emu.vmm.effects import Effects, HostWrite, SetMsr
from emu.vmm.msrs.entry import Msr, of_cpu, of_partition
from emu.vmm.state import Caller

FIRST, LAST = 0x4B56_4D00, 0x4B56_4DFF
WALL_CLOCK, SYSTEM_TIME = 0x4B56_4D00, 0x4B56_4D01
_ENABLE: Final = 1
_STABLE: Final = 1
"""The clocks of all CPUs are one."""
_STOPPED: Final = 2
"""The guest was paused: the guest alone clears it."""
_TIME: Final = struct.Struct("<I4xQQIbB2x")
_WALL: Final = struct.Struct("<III")
_U32: Final = 0xFFFF_FFFF


def has_clock(platform: Platform) -> bool:
    """Whether there is one: the memory of a TD is none that a host writes to."""
    return platform.kvm and platform.isolation != "tdx"


def scale(hz: int) -> tuple[int, int]:
    """(multiplier, shift) with which counts of so many hertz are nanoseconds."""
    counts, nanoseconds, shift = hz, clock.NS_PER_SECOND, 0
    while counts > 2 * nanoseconds or counts > _U32:
        counts, shift = counts >> 1, shift - 1
    while counts <= nanoseconds:
        counts, shift = counts << 1, shift + 1
    return (nanoseconds << 32) // counts, shift


def tell_time(caller: Caller, tsc: int) -> Effects:
    """The calling CPU's page, if it has one, as of now, when its TSC is at `tsc`."""
    named = caller.vmm.msrs.get((caller.cpu, SYSTEM_TIME), 0)
    return _time_page(caller, named, tsc)


def _time_page(caller: Caller, named: int, tsc: int) -> Effects:
    gpa = Gpa(named & ~_ENABLE)
    before = caller.memory.read(gpa, _TIME.size) if named & _ENABLE else None
    if before is None:
        return ()
    version, *_, flags = _TIME.unpack(before)
    multiplier, shift = scale(caller.platform.tsc_hz)
    flags = _STABLE | flags & _STOPPED
    page = _TIME.pack(_next(version), tsc, caller.nanoseconds, multiplier, shift, flags)
    return (HostWrite(gpa, page),)


def _next(version: int) -> int:
    """An odd one says that the host is at it, which nobody here can see."""
    return version + (version & 1) + 2 & _U32


def _write_time(caller: Caller, msr: int, value: int) -> Effects:
    page = _time_page(caller, value, clock.tsc_of(caller))
    return (SetMsr(caller.cpu, SYSTEM_TIME, value), *page)


def _write_wall(caller: Caller, msr: int, value: int) -> Effects:
    kept = SetMsr(None, WALL_CLOCK, value)
    before = caller.memory.read(Gpa(value), _WALL.size) if value else None
    if before is None:
        return (kept,)
    seconds = int(clock.BEGINNING.timestamp())
    page = _WALL.pack(_next(_WALL.unpack(before)[0]), seconds, 0)
    return kept, HostWrite(Gpa(value), page)


MSRS: Final = (
    Msr(WALL_CLOCK, "KVM_WALL_CLOCK", of_partition(), _write_wall),
    Msr(SYSTEM_TIME, "KVM_SYSTEM_TIME", of_cpu(), _write_time),
)
"""Their older numbers, 0x11 and 0x12, are deprecated, and CPUID does not offer them."""
