"""The leaves of CPUID that tell how many CPUs there are, how they are numbered, what caches
they share, and of which type a core is. They must agree. Without a topology of the platform:
one thread to a core, all cores in one package. Source: SDM 2A, CPUID, leaves 1, 2, 4, 7, 0xB,
0x1A and 0x1F; SDM 3A, 9.9.1.
"""

from typing import Final

from msgspec import Struct

from emu.boot.platform import Platform
from emu.boot.topology import CoreKind
from emu.vmm.state import Caller

_LINE: Final = 64
_CORE_IDS_MAX: Final = 1 << 6
_SHARING_MAX: Final = 1 << 12
_LOGICAL_MAX: Final = 0xFF
_THREADS, _CORES, _MODULES = 1, 2, 3
"""Domain types of leaf 0xB and 0x1F: logical processor, core, module."""
HYBRID: Final = 1 << 15
"""Leaf 7 EDX: cores of more than one type (SDM 2A, CPUID)."""
_CORE_TYPES: Final[dict[CoreKind, int]] = {"atom": 0x20, "core": 0x40}
"""Leaf 0x1A EAX[31:24]."""
Domains = tuple[tuple[int, int, int], ...]
"""(domain type, bits of an id below the next domain, CPUs of the next domain) from threads
on."""


class Cache(Struct, frozen=True):
    """A cache that leaf 4 tells of; nothing is cached by it."""

    kind: int
    """1 data, 2 instructions, 3 both."""
    level: int
    ways: int
    sets: int
    by: int = _CORES
    """Who shares it: the threads of a core, the cores of a module, or (0) the package."""

    @property
    def kib(self) -> int:
        """How much it holds."""
        return self.ways * self.sets * _LINE >> 10


CACHES: Final = (
    Cache(1, 1, 8, 64), Cache(2, 1, 8, 64), Cache(3, 2, 16, 1024, _MODULES),
    Cache(3, 3, 16, 16384, 0),
)  # fmt: skip
"""32 KiB each of data and instructions, 1 MiB, and 16 MiB for all."""
DESCRIPTORS: Final = (0x0000_FF01, 0, 0, 0)
"""Leaf 2: the caches are to be asked of leaf 4."""


def id_bits(platform: Platform) -> int:
    """Low bits of an x2APIC id that tell the CPUs of the package from each other."""
    lie = platform.topology
    return max(platform.apic_ids).bit_length() if lie is None else lie.package_bits


def addressable(platform: Platform) -> int:
    """Ids that CPUs of the package may have, a power of two; leaf 1 EBX[23:16] up to 255."""
    return 1 << id_bits(platform)


def logical_count(platform: Platform) -> int:
    """What leaf 1 says of them."""
    return min(addressable(platform), _LOGICAL_MAX)


def _sharing_bits(platform: Platform, cache: Cache) -> int:
    """Low bits of an id that tell apart the CPUs that share a cache. Cores that are not said to
    lie in clusters have a second level of their own."""
    lie = platform.topology
    if not cache.by:
        return id_bits(platform)
    if lie is None:
        return 0
    module = cache.by == _MODULES and lie.clusters > 1
    return lie.core_bits if module else lie.thread_bits


def caches(caller: Caller, subleaf: int) -> tuple[int, int, int, int]:
    """Leaf 4: one cache; type 0 behind the last."""
    if subleaf >= len(CACHES):
        return 0, 0, 0, 0
    cache, platform = CACHES[subleaf], caller.platform
    threads = 0 if platform.topology is None else platform.topology.thread_bits
    cores = 1 << id_bits(platform) - threads
    sharing = min(1 << _sharing_bits(platform, cache), _SHARING_MAX)
    eax = cache.kind | cache.level << 5 | 1 << 8
    eax |= sharing - 1 << 14 | min(cores, _CORE_IDS_MAX) - 1 << 26
    return eax, cache.ways - 1 << 22 | _LINE - 1, cache.sets - 1, 0


def _domains(platform: Platform, modules: bool) -> Domains:
    lie = platform.topology
    if lie is None:
        return (_THREADS, 0, 1), (_CORES, id_bits(platform), platform.cpus)
    module, package = lie.cores * lie.threads, lie.cores * lie.threads * lie.clusters
    threads = _THREADS, lie.thread_bits, lie.threads
    if modules and lie.clusters > 1:
        inner = _CORES, lie.core_bits, module
        return threads, inner, (_MODULES, lie.package_bits, package)
    return threads, (_CORES, lie.package_bits, package)


def topology(caller: Caller, leaf: int, subleaf: int) -> tuple[int, int, int, int]:
    """Leaf 0xB, which knows threads and cores, or 0x1F, which knows modules too; type 0 behind
    the last domain."""
    apic_id = caller.vmm.vps[caller.cpu].apic_id
    domains = _domains(caller.platform, leaf == 0x1F)
    if subleaf >= len(domains):
        return 0, 0, subleaf & 0xFF, apic_id
    kind, bits, count = domains[subleaf]
    return bits, count, kind << 8 | subleaf, apic_id


def hybrid(platform: Platform) -> int:
    """The bit of leaf 7 EDX, where it is so."""
    return HYBRID if platform.topology and platform.topology.hybrid else 0


def core_type(caller: Caller) -> tuple[int, int, int, int]:
    """Leaf 0x1A: the type of the core that asks; zero where all are alike."""
    lie = caller.platform.topology
    kind = lie.type_of(caller.cpu) if lie is not None and lie.hybrid else None
    return 0 if kind is None else _CORE_TYPES[kind.core] << 24, 0, 0, 0


def second_level() -> tuple[int, int, int, int]:
    """Leaf 0x80000006: size in KiB, 16 ways (code 8), bytes of a line."""
    cache = next(one for one in CACHES if one.level == 2)
    return 0, 0, cache.kib << 16 | 8 << 12 | _LINE, 0
