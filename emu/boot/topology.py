"""Where CPUs lie: packages of clusters of cores of threads, and of which type each core is.

    [topology]
    packages = 2
    clusters = 2      # in each package
    cores = 4         # in each cluster
    threads = 2       # of each core

    [[topology.types]]
    name = "big"
    core = "core"     # what leaf 0x1A says: core or atom
    cores = 1         # so many in a row; the types repeat over all cores

    [[topology.types]]
    name = "little"
    core = "atom"
    cores = 3
    speed = 0.5
    start_vp_ns = 40_000
    prices = { mwait_c6_ns = 195_000 }

Source of how ids are made of places: SDM 3A, 9.9.1 (fields of an APIC id, each as wide as its
largest number needs).
"""

from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import fields

from emu.boot.platform_table import TomlTable
from emu.boot.prices import COST_MAX, NAMES, TIMED
from emu.errors import PlatformError

CoreKind = Literal["core", "atom"]
Distance = Literal["smt", "cluster", "socket", "across"]
"""How far two CPUs are apart: threads of a core, in one cluster, in one package, or neither."""
PARTS: Final = ("packages", "clusters", "cores", "threads")
CORES_MAX: Final = 2048
TYPES_ARE: Final = (
    "tables, each with a name and perhaps core (core or atom), cores, speed, start_vp_ns, "
    "sipi_ns, and prices"
)


class CoreType(Struct, frozen=True):
    """One type of cores."""

    name: str
    core: CoreKind = "core"
    cores: int = 1
    """So many in a row are of it."""
    speed: float = 1.0
    start_vp_ns: int | None = None
    sipi_ns: int | None = None
    """None: as the platform has it."""
    prices: tuple[tuple[str, float], ...] = ()
    """Of what is only charged by a profile."""


class Spot(Struct, frozen=True):
    """Where one CPU lies; each number counts within the one before it."""

    package: int
    cluster: int
    core: int
    thread: int


class Topology(Struct, frozen=True):
    """How many of each; CPUs are numbered with threads fastest."""

    packages: int = 1
    clusters: int = 1
    cores: int = 1
    threads: int = 1
    types: tuple[CoreType, ...] = ()

    @property
    def cpus(self) -> int:
        """How many CPUs there is room for."""
        return self.packages * self.clusters * self.cores * self.threads

    @property
    def thread_bits(self) -> int:
        """Bits of an APIC id below the core's."""
        return _bits(self.threads)

    @property
    def core_bits(self) -> int:
        """Bits of an APIC id below the cluster's."""
        return self.thread_bits + _bits(self.cores)

    @property
    def package_bits(self) -> int:
        """Bits of an APIC id below the package's."""
        return self.core_bits + _bits(self.clusters)

    @property
    def hybrid(self) -> bool:
        """Whether there are cores of more than one type."""
        return len(self.types) > 1

    def spot(self, cpu: int) -> Spot:
        """Where a CPU lies."""
        core, thread = divmod(cpu, self.threads)
        cluster, core = divmod(core, self.cores)
        package, cluster = divmod(cluster, self.clusters)
        return Spot(package, cluster, core, thread)

    def apic_id(self, cpu: int) -> int:
        """The x2APIC id of a CPU: its place, field by field."""
        at = self.spot(cpu)
        return (
            at.package << self.package_bits | at.cluster << self.core_bits
            | at.core << self.thread_bits | at.thread
        )  # fmt: skip

    def type_of(self, cpu: int) -> CoreType | None:
        """The type of a CPU's core; None where no types are given."""
        if not self.types:
            return None
        core = cpu // self.threads % sum(one.cores for one in self.types)
        for one in self.types:
            if core < one.cores:
                return one
            core -= one.cores
        raise AssertionError("the types repeat over all cores")

    def distance(self, one: int, other: int) -> Distance:
        """How far two CPUs are apart. Where a package is one cluster, that is called the
        socket."""
        mine, yours = self.spot(one), self.spot(other)
        if mine.package != yours.package:
            return "across"
        if mine.cluster != yours.cluster:
            return "socket"
        if mine.core == yours.core:
            return "smt"
        return "socket" if self.clusters == 1 else "cluster"


def _bits(count: int) -> int:
    return (count - 1).bit_length()


def core_types(given: Any) -> tuple[CoreType, ...] | None:
    """What `[[topology.types]]` says; None where that cannot be."""
    if not isinstance(given, list) or not given or not all(map(_is_type, given)):
        return None
    if len({one["name"] for one in given}) != len(given):
        return None
    return tuple(
        CoreType(**(one | {"prices": tuple(one.get("prices", {}).items())})) for one in given
    )


def _is_type(given: Any) -> bool:
    keys = {slot.name for slot in fields(CoreType)}
    if not isinstance(given, dict) or not set(given) <= keys or "name" not in given:
        return False
    prices = given.get("prices", {})
    whole = [given[key] for key in ("start_vp_ns", "sipi_ns") if key in given]
    return (
        isinstance(given["name"], str)
        and given["name"].isprintable()
        and given.get("core", "core") in ("core", "atom")
        and _whole(given.get("cores", 1), 1, CORES_MAX)
        and _number(given.get("speed", 1.0), 0.01, 100)
        and all(_whole(one, 0, COST_MAX) for one in whole)
        and isinstance(prices, dict)
        and set(prices) <= NAMES - TIMED
        and all(_number(one, 0, COST_MAX) for one in prices.values())
    )


def _whole(value: Any, least: int, most: int) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and least <= value <= most


def _number(value: Any, least: float, most: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and least <= value <= most


def topology_of(table: TomlTable, most: int) -> Topology:
    """Where a platform's file has its CPUs, `most` at the most; raises PlatformError."""
    types = core_types(table.values["types"]) if "types" in table.values else ()
    if types is None:
        raise table.wrong("types", TYPES_ARE)
    found = Topology(**{one: table.whole(one, 1, 1, most) for one in PARTS}, types=types)
    if found.cpus > most:
        raise PlatformError(f"{table.path}: topology: {found.cpus:,} CPUs, at most {most:,}")
    return found
