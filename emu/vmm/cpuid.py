"""What CPUID answers: an Intel-like processor, the Hyper-V leaves and the TDX leaf."""

from collections.abc import Callable
from math import gcd
from typing import Final

from emu.boot.platform import Platform
from emu.vmm.clock import CRYSTAL_HZ
from emu.vmm.effects import Complete, Effects, SetRegisters
from emu.vmm.state import Caller

CpuidLeaf = tuple[int, int, int, int]
"""EAX, EBX, ECX, EDX, 32 bits each."""
CpuidAnswer = Callable[[Caller, int], CpuidLeaf]
"""One leaf: (caller, sub-leaf) to the four registers."""

_ZERO: Final[CpuidLeaf] = (0, 0, 0, 0)
SIGNATURE: Final = 0x000806F8
"""Leaf 1 EAX, and EDX behind a reset. Family 6: Linux then uses the short INIT-SIPI delays."""


def bits(*positions: int) -> int:
    """A mask with the given bits set."""
    return sum(1 << position for position in positions)


FEATURES_ECX: Final = bits(0, 9, 13, 19, 20, 21, 22, 23)
"""Leaf 1: SSE3 SSSE3 CX16 SSE4.1 SSE4.2 x2APIC MOVBE POPCNT. No MONITOR, no RDRAND (the
emulator's would be random), no XSAVE, no PCID (the emulator has no tags)."""
FEATURES_EDX: Final = bits(
    *(0, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26)
)
"""Leaf 1: FPU DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR
SSE SSE2."""
PHYSICAL_BITS: Final = 40
"""Guest-physical address width: what the emulated MMU walks."""
TD_PHYSICAL_BITS: Final = 48
"""In a TD: GPAW 48, whose top bit says "shared"."""
HYPERVISOR: Final = bits(31)
ISOLATION: Final = bits(22)
"""Leaf 0x40000003 EBX: the partition is isolated (TLFS, partition privileges)."""
HV_PRIVILEGES_EAX: Final = bits(0, 1, 2, 5, 6, 7, 10, 11)
"""VP runtime, reference counter, SynIC, hypercall MSRs, VP index, reset, idle, frequencies."""
HV_PRIVILEGES_EBX: Final = bits(16, 17, 21)
"""AccessVsm, AccessVpRegisters, StartVirtualProcessor."""
HV_FEATURES_EDX: Final = bits(5, 8, 10)
"""Guest idle, frequency registers, guest crash registers."""


def _text(word: str) -> int:
    return int.from_bytes(word.encode(), "little")


def _vendor(platform: Platform) -> CpuidLeaf:
    highest = 0x21 if platform.isolation == "tdx" else 0x16
    return highest, _text("Genu"), _text("ntel"), _text("ineI")


def _features(caller: Caller) -> CpuidLeaf:
    platform = caller.platform
    apic_id = caller.vmm.vps[caller.cpu].apic_id & 0xFF
    logical = min(platform.cpus, 0xFF)
    guest = HYPERVISOR if platform.hyperv or platform.isolation == "tdx" else 0
    ebx = apic_id << 24 | logical << 16 | 8 << 8  # CLFLUSH line: 8 x 8 bytes
    return SIGNATURE, ebx, FEATURES_ECX | guest, FEATURES_EDX


def _topology(caller: Caller, subleaf: int) -> CpuidLeaf:
    """Leaf 0xB: one thread per core, all cores in one package (SDM 2A, CPUID)."""
    platform = caller.platform
    apic_id = caller.vmm.vps[caller.cpu].apic_id
    if subleaf == 0:
        return 0, 1, 0x100, apic_id
    if subleaf == 1:
        shift = max(platform.apic_ids).bit_length()
        return shift, platform.cpus, 0x201, apic_id
    return 0, 0, subleaf & 0xFF, apic_id


def _crystal(platform: Platform) -> CpuidLeaf:
    """Leaf 0x15: TSC frequency = ECX x EBX / EAX."""
    common = gcd(platform.tsc_hz, CRYSTAL_HZ)
    return CRYSTAL_HZ // common, platform.tsc_hz // common, CRYSTAL_HZ, 0


def _megahertz(platform: Platform) -> CpuidLeaf:
    mhz = platform.tsc_hz // 1_000_000 & 0xFFFF
    return mhz, mhz, 100, 0


def _hv_privileges(platform: Platform) -> CpuidLeaf:
    isolated = ISOLATION if platform.isolation == "vbs" else 0
    return HV_PRIVILEGES_EAX, HV_PRIVILEGES_EBX | isolated, 0, HV_FEATURES_EDX


def _physical_bits(platform: Platform) -> int:
    return TD_PHYSICAL_BITS if platform.isolation == "tdx" else PHYSICAL_BITS


LEAVES: Final[tuple[tuple[int, CpuidAnswer], ...]] = (
    (0x0, lambda caller, _: _vendor(caller.platform)),
    (0x1, lambda caller, _: _features(caller)),
    (0xB, _topology),
    (0x15, lambda caller, _: _crystal(caller.platform)),
    (0x16, lambda caller, _: _megahertz(caller.platform)),
    (0x8000_0000, lambda *_: (0x8000_0008, 0, 0, 0)),
    (0x8000_0001, lambda *_: (0, 0, bits(0), bits(11, 20, 26, 27, 29))),
    (0x8000_0007, lambda *_: (0, 0, 0, bits(8))),
    (0x8000_0008, lambda caller, _: (48 << 8 | _physical_bits(caller.platform), 0, 0, 0)),
)
"""Every machine's leaves. 0x80000001: LAHF, SYSCALL NX 1G RDTSCP LM; ...07: invariant TSC."""

HYPERV_LEAVES: Final[tuple[tuple[int, CpuidAnswer], ...]] = (
    (0x4000_0000, lambda *_: (0x4000_000C, _text("Micr"), _text("osof"), _text("t Hv"))),
    (0x4000_0001, lambda *_: (_text("Hv#1"), 0, 0, 0)),
    (0x4000_0002, lambda *_: (0x0000_4F7C, 10 << 16, 0, 0)),
    (0x4000_0003, lambda caller, _: _hv_privileges(caller.platform)),
    (0x4000_0004, lambda *_: (0, 0xFFFF_FFFF, 0, 0)),
    (0x4000_0005, lambda caller, _: (caller.platform.cpus, caller.platform.cpus, 0, 0)),
    (0x4000_000C, lambda caller, _: (0, int(caller.platform.isolation == "vbs"), 0, 0)),
)
"""TLFS, hypervisor CPUID leaves. ...04 EBX: spin for ever; ...0C EBX: isolation type."""

TDX_LEAVES: Final[tuple[tuple[int, CpuidAnswer], ...]] = (
    (0x21, lambda *_: (0, _text("Inte"), _text("    "), _text("lTDX"))),
)
"""How a guest finds out that it is a TD (GHCI 1.5, section 2.1)."""

_COMMON: Final = dict(LEAVES)
_HYPERV: Final = dict(HYPERV_LEAVES)
_TDX: Final = dict(TDX_LEAVES)


def read_cpuid(caller: Caller, leaf: int, subleaf: int) -> CpuidLeaf:
    """EAX, EBX, ECX, EDX of one leaf; leaves that do not exist answer zero."""
    answer = _COMMON.get(leaf)
    if answer is None and caller.platform.hyperv:
        answer = _HYPERV.get(leaf)
    if answer is None and caller.platform.isolation == "tdx":
        answer = _TDX.get(leaf)
    return answer(caller, subleaf) if answer else _ZERO


def cpuid(caller: Caller, leaf: int, subleaf: int) -> Effects:
    """CPUID of a leaf (EAX) and a sub-leaf (ECX); upper halves become zero.

    In a TD the module answers all leaves itself (the real one sends some to #VE)."""
    eax, ebx, ecx, edx = read_cpuid(caller, leaf, subleaf)
    return (SetRegisters((("rax", eax), ("rbx", ebx), ("rcx", ecx), ("rdx", edx))), Complete())
