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

from pathlib import Path
from typing import Any, Final, Literal, get_args

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


def core_types(table: TomlTable) -> tuple[CoreType, ...]:
    """What `[[topology.types]]` says; raises PlatformError with the number of the table, the
    first of which is 0, and the key."""
    given = table.values.get("types", ())
    if "types" in table.values and (not isinstance(given, list) or not given):
        raise table.wrong("types", TYPES_ARE)
    found = [_core_type(table.path, number, one) for number, one in enumerate(given)]
    names = [one.name for one in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise PlatformError(
                f"{table.path}: topology.types[{number}].name: another type has it"
            )
    return tuple(found)


def _core_type(path: Path, number: int, given: Any) -> CoreType:
    name = f"topology.types[{number}]"
    one = TomlTable(path, name, given, {
        name: {slot.name for slot in fields(CoreType)},
    })  # fmt: skip
    if not one.text("name"):
        raise one.wrong("name", "one line of text")
    prices = TomlTable(
        path, f"{name}.prices", one.values.get("prices", {}),
        {f"{name}.prices": set(NAMES - TIMED)},
    )  # fmt: skip
    starts = {
        key: one.whole(key, 0, 0, COST_MAX)
        for key in ("start_vp_ns", "sipi_ns")
        if key in one.values
    }
    return CoreType(
        name=one.text("name"),
        core=one.one_of("core", "core", get_args(CoreKind)),
        cores=one.whole("cores", 1, 1, CORES_MAX),
        speed=one.real("speed", 1.0, 0.01, 100),
        prices=tuple((key, prices.real(key, 0, 0, COST_MAX)) for key in prices.values),
        **starts,
    )


def topology_of(table: TomlTable, most: int) -> Topology:
    """Where a platform's file has its CPUs, `most` at the most; raises PlatformError."""
    parts = {one: table.whole(one, 1, 1, most) for one in PARTS}
    found = Topology(**parts, types=core_types(table))
    if found.cpus > most:
        raise PlatformError(f"{table.path}: topology: {found.cpus:,} CPUs, at most {most:,}")
    return found
