"""What CPUID answers: an Intel-like processor, the Hyper-V leaves and the TDX leaf."""

import struct
from collections.abc import Callable
from math import gcd
from typing import Final

from emu.boot.mwait import sub_states
from emu.boot.platform import Platform
from emu.hw.features import MONITOR, OFFERED, bits
from emu.vmm import apic
from emu.vmm import cpuid_topology as topology
from emu.vmm.clock import CRYSTAL_HZ
from emu.vmm.effects import Complete, Effects, SetRegisters
from emu.vmm.msrs import kvm
from emu.vmm.state import Caller

CpuidLeaf = tuple[int, int, int, int]
"""EAX, EBX, ECX, EDX, 32 bits each."""
CpuidAnswer = Callable[[Caller, int], CpuidLeaf]
"""One leaf: (caller, sub-leaf) to the four registers."""

_ZERO: Final[CpuidLeaf] = (0, 0, 0, 0)
SIGNATURE: Final = 0x000806F8
"""Leaf 1 EAX, and EDX behind a reset. Family 6: Linux then uses the short INIT-SIPI delays."""


PHYSICAL_BITS: Final = 40
"""Guest-physical address width: what the emulated MMU walks."""
TD_PHYSICAL_BITS: Final = 48
"""In a TD: GPAW 48, whose top bit says "shared"."""
HYPERVISOR: Final = bits(31)
OSXSAVE: Final = bits(27)
"""Leaf 1 ECX: CR4.OSXSAVE is set."""
CR4_OSXSAVE: Final = 1 << 18
MANY_LOGICAL: Final = bits(28)
"""Leaf 1 EDX: the package has room for more than one logical processor (HTT)."""
APIC: Final = bits(9)
"""Leaf 1 EDX: the local APIC is there, which it is not while IA32_APIC_BASE.EN is clear (SDM 3,
11.4.3)."""
U32: Final = 0xFFFF_FFFF
MISC_ENABLE: Final = 0x1A0
MONITOR_ENABLED: Final = bits(18)
"""IA32_MISC_ENABLE: MONITOR and MWAIT are there (SDM 4, table 2-2)."""
LINE_BYTES: Final = 64
"""What MONITOR watches, and CLFLUSH writes back."""
EXTENSIONS: Final = bits(0, 1)
"""Leaf 5 ECX: there are extensions, and interrupts may end MWAIT though they are masked."""
XSAVE_BYTES: Final = 512 + 64
"""Legacy region and header of an XSAVE area (SDM 1, 13.4)."""
TIMER_ALWAYS_RUNS: Final = bits(2)
"""Leaf 6 EAX: ARAT."""
HIGHEST_EXTENDED: Final = 0x8000_0008
FIRST_OF_HYPERVISOR: Final = 0x4000_0000
BRAND: Final = b"apdbg, an emulated processor"
ISOLATION: Final = bits(22)
"""Leaf 0x40000003 EBX: the partition is isolated (TLFS, partition privileges)."""
_ISOLATION_TYPES: Final = {"vbs": 1, "snp": 2}
"""Leaf 0x4000000C EBX (TLFS, isolation configuration)."""
HV_PRIVILEGES_EAX: Final = bits(0, 1, 2, 5, 6, 7, 10, 11)
"""VP runtime, reference counter, SynIC, hypercall MSRs, VP index, reset, idle, frequencies."""
HV_PRIVILEGES_EBX: Final = bits(16, 17, 21)
"""AccessVsm, AccessVpRegisters, StartVirtualProcessor."""
HV_FEATURES_EDX: Final = bits(5, 8, 10)
"""Guest idle, frequency registers, guest crash registers."""

KVM_NO_IO_DELAY: Final = bits(1)
"""KVM_FEATURE_NOP_IO_DELAY: ports need no time to recover, so nobody has to wait for them."""
KVM_CLOCK: Final = bits(3, 24)
"""KVM_FEATURE_CLOCKSOURCE2 and _STABLE_BIT: its clock, and that CPUs have one clock. QEMU
offers a TD none (target/i386/kvm/tdx.c, TDX_SUPPORTED_KVM_FEATURES)."""
TSC_ADJUST: Final = bits(1)
"""Leaf 7 EBX. Hyper-V shows its guests none; in a TD the module has none for them."""


def _text(word: str) -> int:
    return int.from_bytes(word.encode(), "little")


def highest_basic(platform: Platform) -> int:
    """The highest leaf below the hypervisor's."""
    return 0x21 if platform.isolation == "tdx" else 0x1F


def _vendor(platform: Platform) -> CpuidLeaf:
    return highest_basic(platform), _text("Genu"), _text("ntel"), _text("ineI")


def _features(caller: Caller) -> CpuidLeaf:
    platform = caller.platform
    apic_id = caller.vmm.vps[caller.cpu].apic_id & 0xFF
    logical = topology.logical_count(platform)
    ebx = apic_id << 24 | logical << 16 | LINE_BYTES // 8 << 8
    ecx = OFFERED["1.ecx"] | (HYPERVISOR if has_hypervisor(platform) else 0)
    ecx |= bits(MONITOR.bit) if has_monitor(caller) else 0
    ecx |= OSXSAVE if caller.registers("cr4") & CR4_OSXSAVE else 0
    edx = OFFERED["1.edx"] | (MANY_LOGICAL if logical > 1 else 0)
    edx &= U32 if apic.base(platform, caller.vmm, caller.cpu) & apic.ENABLED else ~APIC
    return SIGNATURE, ebx, ecx, edx


def misc_enable(caller: Caller) -> int:
    """IA32_MISC_ENABLE: fast strings, and MONITOR where the platform has it."""
    usual = 1 | (MONITOR_ENABLED if caller.platform.mwait else 0)
    return caller.vmm.msrs.get((caller.cpu, MISC_ENABLE), usual)


def has_monitor(caller: Caller) -> bool:
    """Whether a CPU has MONITOR and MWAIT: the platform offers them, and software has not
    switched them off."""
    return bool(caller.platform.mwait) and bool(misc_enable(caller) & MONITOR_ENABLED)


def _monitor(caller: Caller) -> CpuidLeaf:
    """Leaf 5: the smallest and the largest line, and the depths."""
    if not has_monitor(caller):
        return _ZERO
    return LINE_BYTES, LINE_BYTES, EXTENSIONS, sub_states(caller.platform.mwait)


def has_hypervisor(platform: Platform) -> bool:
    """Whether leaf 1 says that the machine is a virtual one."""
    return platform.hyperv or platform.kvm or platform.isolation == "tdx"


def _structured(platform: Platform, subleaf: int) -> CpuidLeaf:
    """Leaf 7: sub-leaf 0 is the only one."""
    if subleaf:
        return _ZERO
    own = TSC_ADJUST if platform.isolation != "tdx" and not platform.hyperv else 0
    return 0, OFFERED["7.ebx"] | own, OFFERED["7.ecx"], topology.hybrid(platform)


def _extended_state(subleaf: int) -> CpuidLeaf:
    """Leaf 0xD: x87 and SSE state lie in the legacy region, so any XCR0 needs as much."""
    if subleaf == 0:
        return OFFERED["d.0.eax"], XSAVE_BYTES, XSAVE_BYTES, 0
    return (OFFERED["d.1.eax"], 0, 0, 0) if subleaf == 1 else _ZERO


def _brand(part: int) -> CpuidLeaf:
    words = BRAND.ljust(48, b"\0")[16 * part :]
    return struct.unpack_from("<4I", words)


def _crystal(platform: Platform) -> CpuidLeaf:
    """Leaf 0x15: TSC frequency = ECX x EBX / EAX."""
    common = gcd(platform.tsc_hz, CRYSTAL_HZ)
    return CRYSTAL_HZ // common, platform.tsc_hz // common, CRYSTAL_HZ, 0


def _megahertz(platform: Platform) -> CpuidLeaf:
    mhz = platform.tsc_hz // 1_000_000 & 0xFFFF
    return mhz, mhz, 100, 0


def _hv_privileges(platform: Platform) -> CpuidLeaf:
    isolated = ISOLATION if platform.isolation in ("vbs", "snp") else 0
    return HV_PRIVILEGES_EAX, HV_PRIVILEGES_EBX | isolated, 0, HV_FEATURES_EDX


def _isolation_type(platform: Platform) -> int:
    return _ISOLATION_TYPES.get(platform.isolation, 0)


def _kvm_features(platform: Platform) -> int:
    return KVM_NO_IO_DELAY | (KVM_CLOCK if kvm.has_clock(platform) else 0)


def physical_bits(platform: Platform) -> int:
    """Width of a guest-physical address."""
    return TD_PHYSICAL_BITS if platform.isolation == "tdx" else PHYSICAL_BITS


LEAVES: Final[tuple[tuple[int, CpuidAnswer], ...]] = (
    (0x0, lambda caller, _: _vendor(caller.platform)),
    (0x1, lambda caller, _: _features(caller)),
    (0x2, lambda *_: topology.DESCRIPTORS),
    (0x4, topology.caches),
    (0x5, lambda caller, _: _monitor(caller)),
    (0x6, lambda *_: (TIMER_ALWAYS_RUNS, 0, 0, 0)),
    (0x7, lambda caller, subleaf: _structured(caller.platform, subleaf)),
    (0xB, lambda caller, subleaf: topology.topology(caller, 0xB, subleaf)),
    (0xD, lambda _, subleaf: _extended_state(subleaf)),
    (0x15, lambda caller, _: _crystal(caller.platform)),
    (0x16, lambda caller, _: _megahertz(caller.platform)),
    (0x1A, lambda caller, _: topology.core_type(caller)),
    (0x1F, lambda caller, subleaf: topology.topology(caller, 0x1F, subleaf)),
    (0x8000_0000, lambda *_: (HIGHEST_EXTENDED, 0, 0, 0)),
    (0x8000_0001, lambda *_: (0, 0, OFFERED["80000001.ecx"], OFFERED["80000001.edx"])),
    (0x8000_0002, lambda *_: _brand(0)),
    (0x8000_0003, lambda *_: _brand(1)),
    (0x8000_0004, lambda *_: _brand(2)),
    (0x8000_0006, lambda *_: topology.second_level()),
    (0x8000_0007, lambda *_: (0, 0, 0, bits(8))),
    (0x8000_0008, lambda caller, _: (48 << 8 | physical_bits(caller.platform), 0, 0, 0)),
)
"""Every machine's leaves; 0x80000007: the TSC is invariant. Those between that are missing (no
performance counters, no tracing) are zero, as the SDM has it for such."""

HYPERV_LEAVES: Final[tuple[tuple[int, CpuidAnswer], ...]] = (
    (0x4000_0000, lambda *_: (0x4000_000C, _text("Micr"), _text("osof"), _text("t Hv"))),
    (0x4000_0001, lambda *_: (_text("Hv#1"), 0, 0, 0)),
    (0x4000_0002, lambda *_: (0x0000_4F7C, 10 << 16, 0, 0)),
    (0x4000_0003, lambda caller, _: _hv_privileges(caller.platform)),
    (0x4000_0004, lambda *_: (0, 0xFFFF_FFFF, 0, 0)),
    (0x4000_0005, lambda caller, _: (caller.platform.cpus, caller.platform.cpus, 0, 0)),
    (0x4000_000C, lambda caller, _: (0, _isolation_type(caller.platform), 0, 0)),
)
"""TLFS, hypervisor CPUID leaves. ...04 EBX: spin for ever; ...0C EBX: isolation type."""

KVM_LEAVES: Final[tuple[tuple[int, CpuidAnswer], ...]] = (
    (0x4000_0000, lambda *_: (0x4000_0001, _text("KVMK"), _text("VMKV"), _text("M"))),
    (0x4000_0001, lambda caller, _: (_kvm_features(caller.platform), 0, 0, 0)),
)
"""Linux, Documentation/virt/kvm/x86/cpuid.rst: signature and features."""

TDX_LEAVES: Final[tuple[tuple[int, CpuidAnswer], ...]] = (
    (0x21, lambda *_: (0, _text("Inte"), _text("    "), _text("lTDX"))),
)
"""How a guest finds out that it is a TD (GHCI 1.5, section 2.1)."""

_COMMON: Final = dict(LEAVES)
_HYPERV: Final = dict(HYPERV_LEAVES)
_KVM: Final = dict(KVM_LEAVES)
_TDX: Final = dict(TDX_LEAVES)


def read_cpuid(caller: Caller, leaf: int, subleaf: int) -> CpuidLeaf:
    """EAX, EBX, ECX, EDX of one leaf. A leaf beyond the highest of its range answers as the
    highest basic one (SDM 2A, CPUID); one within it that does not exist is zero."""
    answer = _COMMON.get(leaf)
    if answer is None and caller.platform.hyperv:
        answer = _HYPERV.get(leaf)
    if answer is None and caller.platform.kvm:
        answer = _KVM.get(leaf)
    if answer is None and caller.platform.isolation == "tdx":
        answer = _TDX.get(leaf)
    if answer is not None:
        return answer(caller, subleaf)
    if _in_range(caller.platform, leaf):
        return _ZERO
    return read_cpuid(caller, highest_basic(caller.platform), subleaf)


def _in_range(platform: Platform, leaf: int) -> bool:
    """Basic, extended, or a hypervisor's: that is none where there is no hypervisor."""
    if leaf >> 8 == FIRST_OF_HYPERVISOR >> 8:
        return has_hypervisor(platform)
    return leaf < highest_basic(platform) or 0x8000_0000 <= leaf <= HIGHEST_EXTENDED


def cpuid(caller: Caller, leaf: int, subleaf: int) -> Effects:
    """CPUID of a leaf (EAX) and a sub-leaf (ECX); upper halves become zero."""
    eax, ebx, ecx, edx = read_cpuid(caller, leaf, subleaf)
    return (SetRegisters((("rax", eax), ("rbx", ebx), ("rcx", ecx), ("rdx", edx))), Complete())
