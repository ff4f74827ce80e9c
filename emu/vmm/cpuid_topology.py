"""The leaves of CPUID that tell how many CPUs there are, how they are numbered and what caches
they share. They must agree: one thread to a core, all cores in one package, x2APIC ids as the
platform has them. Source: SDM 2A, CPUID, leaves 1, 2, 4, 0xB and 0x1F; SDM 3A, 9.9.1.
"""

from typing import Final

from msgspec import Struct

from emu.boot.platform import Platform
from emu.vmm.state import Caller

_LINE: Final = 64
_CORE_IDS_MAX: Final = 1 << 6
_SHARING_MAX: Final = 1 << 12
_LOGICAL_MAX: Final = 0xFF
_THREADS, _CORES = 1, 2
"""Domain types of leaf 0xB and 0x1F: logical processor, core."""


class Cache(Struct, frozen=True):
    """A cache that leaf 4 tells of; nothing is cached by it."""

    kind: int
    """1 data, 2 instructions, 3 both."""
    level: int
    ways: int
    sets: int
    shared: bool = False
    """By the whole package; else each core has its own."""

    @property
    def kib(self) -> int:
        """How much it holds."""
        return self.ways * self.sets * _LINE >> 10


CACHES: Final = (
    Cache(1, 1, 8, 64), Cache(2, 1, 8, 64), Cache(3, 2, 16, 1024), Cache(3, 3, 16, 16384, True)
)  # fmt: skip
"""32 KiB each of data and instructions, 1 MiB, and 16 MiB for all."""
DESCRIPTORS: Final = (0x0000_FF01, 0, 0, 0)
"""Leaf 2: the caches are to be asked of leaf 4."""


def id_bits(platform: Platform) -> int:
    """Low bits of an x2APIC id that tell the CPUs of the package from each other."""
    return max(platform.apic_ids).bit_length()


def addressable(platform: Platform) -> int:
    """Ids that CPUs of the package may have, a power of two; leaf 1 EBX[23:16] up to 255."""
    return 1 << id_bits(platform)


def logical_count(platform: Platform) -> int:
    """What leaf 1 says of them."""
    return min(addressable(platform), _LOGICAL_MAX)


def caches(caller: Caller, subleaf: int) -> tuple[int, int, int, int]:
    """Leaf 4: one cache; type 0 behind the last."""
    if subleaf >= len(CACHES):
        return 0, 0, 0, 0
    cache, ids = CACHES[subleaf], addressable(caller.platform)
    sharing = min(ids, _SHARING_MAX) if cache.shared else 1
    eax = cache.kind | cache.level << 5 | 1 << 8
    eax |= sharing - 1 << 14 | min(ids, _CORE_IDS_MAX) - 1 << 26
    return eax, cache.ways - 1 << 22 | _LINE - 1, cache.sets - 1, 0


def topology(caller: Caller, subleaf: int) -> tuple[int, int, int, int]:
    """Leaf 0xB, and 0x1F: threads of a core, cores of the package, and no more domains."""
    platform = caller.platform
    apic_id = caller.vmm.vps[caller.cpu].apic_id
    if subleaf == 0:
        return 0, 1, _THREADS << 8, apic_id
    if subleaf == 1:
        return id_bits(platform), platform.cpus, _CORES << 8 | 1, apic_id
    return 0, 0, subleaf & 0xFF, apic_id


def second_level() -> tuple[int, int, int, int]:
    """Leaf 0x80000006: size in KiB, 16 ways (code 8), bytes of a line."""
    cache = next(one for one in CACHES if one.level == 2)
    return 0, 0, cache.kib << 16 | 8 << 12 | _LINE, 0
