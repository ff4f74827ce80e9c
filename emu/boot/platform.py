"""What an image finds around it: CPUs, memory, isolation and the price of time.

A file may also say what an image's places mean that has other symbols than the sample, or none:

    [roles]
    parked = ["poll_loop", 0x8001234]    # where an AP waits: symbols, or linear addresses
    mailbox = 0x8000000                  # the mailbox page

The roles are `emu.boot.roles`'s; one that is named here has no other places.
"""

from pathlib import Path
from typing import Any, Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import asdict, fields

from emu.boot import prices
from emu.boot.ap_loop import ApLoop, loop_of
from emu.boot.mwait import DEPTHS, Depth, leaving
from emu.boot.numa import Numa, numa_of
from emu.boot.openhcl_host import OpenhclHost, openhcl_of
from emu.boot.platform_table import TomlTable, is_place, is_whole
from emu.boot.prices import GivenPrices, given_prices
from emu.boot.roles import DATA_ROLES, ROLES, GivenRoles
from emu.boot.samples import samples_dir
from emu.boot.topology import Topology, topology_of
from emu.errors import PlatformError
from emu.given.files import read_file
from emu.given.toml import table_of
from emu.hw.address import LARGE_BYTES, U64

Isolation = Literal["none", "vbs", "tdx", "snp"]
Start = Literal["hypercall", "reset-vector", "sipi"]
DialectName = Literal["", "acpi", "openhcl", "td-shim", "edk2", "td-shim-early", "edk2-early"]
"""How the APs of a firmware speak the mailbox protocol (`emu.mailbox.dialect`)."""

CPUS_MAX: Final = 2048
"""What openhcl_boot and the shim have room for (MAX_CPU_COUNT)."""
POSSIBLE_MAX: Final = 1024
"""CPUs of a machine to which some are plugged: as many as KVM has (Linux,
arch/x86/kvm/Kconfig, KVM_MAX_NR_VCPUS)."""
MEMORY_MIB: Final = 64
MEMORY_MIB_MANY: Final = 192
"""Default memory, and that for more than `MANY_CPUS`: each AP needs tables and stacks."""
MANY_CPUS: Final = 512
MEMORY_MIB_MAX: Final = 3072
MEMORY_END_MAX: Final = 0xFEC0_0000
"""Where the I/O APIC page begins; AP tables and the reset page too need 32-bit addresses."""
COST_NS_MAX: Final = 10**12
"""A thousand seconds for one event: more is a slip of the keyboard."""
FILE_BYTES_MAX: Final = 1 << 20
CLOCKS_APART_NS: Final = 1_000
"""Usual bound: what takes less than it takes to hand a cache line from one CPU to another and
back cannot be told from it by software (Linux, arch/x86/kernel/tsc_sync.c, check_tsc_warp: two
CPUs hand a lock back and forth, and no reading may be before the other's last one)."""
APIC_ID_END: Final = 0xFFFF_FFFE
"""Ids from here on address everyone or no one (x2APIC broadcast)."""


class Costs(Struct, frozen=True):
    """Virtual time of what leaves the guest, in nanoseconds; one instruction takes
    1 / `instructions_per_ns` (times the speed of its CPU)."""

    instructions_per_ns: float = 2.0
    exit_ns: int = 1_000
    tdcall_ns: int = 1_500
    hypercall_ns: int = 2_000
    accept_4k_ns: int = 500
    accept_2m_ns: int = 60_000
    start_vp_ns: int = 20_000
    sipi_ns: int = 10_000
    io_ns: int = 1_000


class Platform(Struct, frozen=True):
    """One machine, wholly described: the same platform, image and seed give the same run."""

    name: str
    isolation: Isolation
    start: Start
    hyperv: bool
    """Whether CPUID shows the Hyper-V leaves and the synthetic MSRs answer."""
    apic_ids: tuple[int, ...]
    """APIC id of each CPU; the position is the VP index, 0 is the BSP."""
    speeds: tuple[float, ...]
    """Relative speed of each CPU: 1.0 is nominal, 0.5 runs at half the rate."""
    memory_base: int
    """GPA of the paravisor's (VTL 2) RAM, 2 MiB aligned."""
    memory_bytes: int
    low_memory_bytes: int
    """RAM from GPA 0 for real-mode trampolines; 0 where there is none."""
    tsc_hz: int
    accept_level: Literal["4K", "2M"]
    """Largest page the host maps for a TD: an accept above it is a size mismatch."""
    costs: Costs
    dialect: DialectName
    """Empty: to be guessed from what the APs do."""
    kvm: bool = False
    """Whether CPUID names KVM as the hypervisor instead; none of its features is offered."""
    mwait: tuple[Depth, ...] = ()
    """The depths of MWAIT; none: its CPUs have no MONITOR and MWAIT."""
    clocks_apart_ns: int = CLOCKS_APART_NS
    """By how much the clocks of two CPUs may differ that this host shows its guest."""
    no_rbp_mod: bool = True
    """CONFIG_FLAGS.NO_RBP_MOD of a TD: its RBP stays as it is when the host is called, and no
    such call may show it. Linux's KVM always asks for that."""
    roles: GivenRoles = ()
    """Places in the image by their role; those that are not named are found."""
    vp_init: int = 0
    """What the host gives each vCPU of a TD at TDH.VP.INIT: it begins with it in RCX and R8."""
    page_release: bool = False
    """Whether a TD may give pages back (CONFIG_FLAGS.PAGE_RELEASE)."""
    absent: int = 0
    """So many CPUs, the last ones, are not there at power-on: they may be plugged in."""
    loop: ApLoop = ApLoop()
    """Where a mailbox loop that was given by itself is wanted, and how APs come to it."""
    topology: Topology | None = None
    """Where the CPUs lie; None: in one package, and no more is said of it."""
    prices: GivenPrices = ()
    """What the file says of prices, beside the values in `costs`."""
    numa: Numa = Numa()
    openhcl: OpenhclHost = OpenhclHost()

    @property
    def cpus(self) -> int:
        """How many CPUs are possible, 1 to 2,048."""
        return len(self.apic_ids)

    @property
    def present(self) -> int:
        """How many of them are there at power-on."""
        return self.cpus - self.absent

    def starts_in_ns(self, cpu: int, by: Literal["start_vp_ns", "sipi_ns"]) -> int:
        """What lies between that and a CPU's first instruction: its core's type may say."""
        kind = self.topology and self.topology.type_of(cpu)
        own: int | None = getattr(kind, by) if kind else None
        return getattr(self.costs, by) if own is None else own

    def leaving_ps(self, cpu: int, depth: Depth) -> int:
        """What lies between what ends an MWAIT and the code behind it, in picoseconds."""
        name = leaving(depth)
        kind = self.topology and self.topology.type_of(cpu)
        usual = next(one.value for one in prices.PRICES if one.name == name)
        ns = dict(dict(self.prices).get(name, ())).get("ns", usual)
        return round(1000 * float(dict(kind.prices).get(name, ns) if kind else ns))

    def ps_per_instruction(self, cpu: int) -> int:
        """How long an instruction of a CPU takes."""
        return round(1000 / (self.costs.instructions_per_ns * self.speeds[cpu]))


_KEYS: Final[dict[str, set[str]]] = {
    "": {"name", "isolation", "start", "hyperv", "hypervisor", "tsc_hz", "clocks_apart_ns",
         "accept_level", "dialect", "mwait", "cpus", "memory", "time", "roles", "td", "loop",
         "topology", "prices", "numa", "openhcl"},
    "cpus": {"count", "possible", "apic_ids", "speeds"},
    "memory": {"base", "mib", "low_kib"},
    "time": {slot.name for slot in fields(Costs)},
    "roles": {*ROLES, *DATA_ROLES},
    "td": {"vp_init", "page_release", "no_rbp_mod"},
    "loop": {slot.name for slot in fields(ApLoop)},
    "topology": {slot.name for slot in fields(Topology)},
    "prices": set(prices.NAMES),
    "numa": {slot.name for slot in fields(Numa)},
    "openhcl": {slot.name for slot in fields(OpenhclHost)},
}  # fmt: skip


def platform_text(name: str) -> str:
    """The TOML of a platform by name or path; raises PlatformError naming the file."""
    path = _path_of(name)
    data = read_file(path, FILE_BYTES_MAX, PlatformError)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PlatformError(f"{path}: is no TOML: byte {error.start:,} is no UTF-8") from None


def platform_of(
    text: str,
    path: Path,
    *,
    cpus: int | None = None,
    possible: int | None = None,
    memory_mib: int | None = None,
) -> Platform:
    """A platform from its TOML; `path` names it in errors. Raises PlatformError."""
    values = table_of(text, path, PlatformError)
    return _platform(TomlTable(path, "", values, _KEYS), cpus, possible, memory_mib)


def _path_of(name: str) -> Path:
    packaged = samples_dir() / "platforms"
    if (packaged / f"{name}.toml").is_file():
        return packaged / f"{name}.toml"
    if "/" in name or name.endswith(".toml"):
        return Path(name)
    known = ", ".join(sorted(place.stem for place in packaged.glob("*.toml")))
    raise PlatformError(f"--platform {name}: there is none of that name: {known}, or a file")


def _platform(
    top: TomlTable, cpus: int | None, possible: int | None, memory_mib: int | None
) -> Platform:
    hyperv = top.flag("hyperv", None)
    processors = top.table("cpus")
    lie = topology_of(top.table("topology"), CPUS_MAX) if "topology" in top.values else None
    usual, room = (4, CPUS_MAX) if lie is None else (lie.cpus, lie.cpus)
    count = processors.whole("count", usual, 1, room) if cpus is None else cpus
    if not 1 <= count <= room:
        raise PlatformError(f"--cpus: 1 to {room:,}, got {count:,}")
    there = count
    count = _possible(processors, possible, there, 1 if cpus else there, room)
    costs, memory = _costs(top.table("time")), top.table("memory")
    base, size = _memory(memory, count, memory_mib)
    isolation: Isolation = top.one_of("isolation", None, get_args(Isolation))
    start: Start = top.one_of("start", None, get_args(Start))
    if isolation == "snp" and start != "hypercall":
        raise top.wrong("start", "hypercall where isolation is snp")
    return Platform(
        name=top.text("name") if "name" in top.values else top.path.stem,
        isolation=isolation,
        start=start,
        hyperv=hyperv,
        kvm=_is_kvm(top, hyperv),
        apic_ids=_apic_ids(processors, count, lie),
        absent=count - there,
        speeds=_speeds(processors, count, lie),
        memory_base=base,
        memory_bytes=size,
        low_memory_bytes=memory.whole("low_kib", 0, 0, 640) << 10,
        tsc_hz=top.whole("tsc_hz", 2_000_000_000, 1_000_000, 10_000_000_000),
        accept_level=top.one_of("accept_level", "2M", ("4K", "2M")),
        costs=costs,
        dialect=_dialect(top),
        roles=_roles(top.table("roles")),
        mwait=_mwait(top),
        clocks_apart_ns=top.whole("clocks_apart_ns", CLOCKS_APART_NS, 0, COST_NS_MAX),
        **_td(top.table("td")),
        loop=loop_of(top.table("loop")),
        topology=lie,
        prices=given_prices(top.table("prices"), asdict(costs)),
        numa=numa_of(top.table("numa")),
        openhcl=openhcl_of(top.table("openhcl"), isolation),
    )


def _possible(table: TomlTable, given: int | None, there: int, least: int, room: int) -> int:
    """How many CPUs there may ever be, of which so many are there: by the command line, else
    by the file, which may say fewer than the command line has at first; else no more."""
    most = max(there, min(room, POSSIBLE_MAX))
    if given is None:
        found: int = table.whole("possible", there, least, most)
        return max(found, there)
    if not there <= given <= most:
        raise PlatformError(f"--possible: {there:,} to {most:,}, got {given:,}")
    return given


def _is_kvm(top: TomlTable, hyperv: bool) -> bool:
    """Which hypervisor CPUID names, by the more exact of the two keys."""
    fits = ("hyperv",) if hyperv else ("none", "kvm")
    found: str = top.one_of("hypervisor", fits[0], ("hyperv", "kvm", "none"))
    if found not in fits:
        raise top.wrong(
            "hypervisor", f"one of {', '.join(fits)} with hyperv = {hyperv}".lower()
        )
    return found == "kvm"


def _mwait(top: TomlTable) -> tuple[Depth, ...]:
    """The depths that are offered, in their order."""
    if "mwait" not in top.values:
        return ()
    given = top.values["mwait"]
    if not isinstance(given, list) or not given or not all(one in DEPTHS for one in given):
        raise top.wrong("mwait", f"a list of {', '.join(DEPTHS)}")
    return tuple(depth for depth in DEPTHS if depth in given)


def _td(table: TomlTable) -> dict[str, Any]:
    """What the host configured a TD with."""
    return {
        "vp_init": table.whole("vp_init", 0, 0, U64),
        "page_release": table.flag("page_release", False),
        "no_rbp_mod": table.flag("no_rbp_mod", True),
    }


def _roles(table: TomlTable) -> GivenRoles:
    """Each role with its symbols and addresses; one alone needs no list."""
    found = []
    for role, given in table.values.items():
        places = given if isinstance(given, list) else [given]
        if not places or not all(is_place(one) for one in places):
            raise table.wrong(role, "symbols or addresses")
        found.append((role, tuple(str(one) for one in places)))
    return tuple(found)


def _dialect(top: TomlTable) -> DialectName:
    """The dialect that the file names; empty if it names none."""
    if "dialect" not in top.values:
        return ""
    name: DialectName = top.one_of("dialect", None, get_args(DialectName)[1:])
    return name


def _memory(table: TomlTable, cpus: int, memory_mib: int | None) -> tuple[int, int]:
    """(base, bytes) of the RAM; a size of 0 means what that many CPUs need."""
    base = table.whole("base", 0x8000000, 0, 1 << 31)
    if base % LARGE_BYTES:
        raise table.wrong("base", "a multiple of 2 MiB")
    mib = table.whole("mib", 0, 0, MEMORY_MIB_MAX) if memory_mib is None else memory_mib
    size = (mib or (MEMORY_MIB_MANY if cpus > MANY_CPUS else MEMORY_MIB)) << 20
    where = "--memory" if memory_mib is not None else f"{table.path}: memory.mib"
    if size % LARGE_BYTES or not 0 < size <= MEMORY_MIB_MAX << 20:
        raise PlatformError(
            f"{where}: an even number of MiB up to {MEMORY_MIB_MAX:,}, got {mib:,}"
        )
    if base + size > MEMORY_END_MAX:
        raise PlatformError(
            f"{where}: {size >> 20:,} MiB from {base:#x} reach beyond {MEMORY_END_MAX:#x}"
        )
    return base, size


def _costs(time: TomlTable) -> Costs:
    usual = Costs()
    rate = time.real("instructions_per_ns", usual.instructions_per_ns, 0.001, 100)
    whole = {
        slot.name: time.whole(slot.name, getattr(usual, slot.name), 0, COST_NS_MAX)
        for slot in fields(Costs)
        if slot.name != "instructions_per_ns"
    }
    return Costs(instructions_per_ns=rate, **whole)


def _apic_ids(table: TomlTable, count: int, lie: Topology | None) -> tuple[int, ...]:
    """`"dense"`, { first, stride }, or a list that continues upwards if it is short; a
    topology makes them itself."""
    given = table.values.get("apic_ids", "dense")
    if lie is not None:
        if "apic_ids" in table.values:
            raise table.wrong("apic_ids", "left out beside [topology], which makes them")
        return tuple(map(lie.apic_id, range(count)))
    if given == "dense":
        given = {}
    if isinstance(given, dict):
        first, stride = given.get("first", 0), given.get("stride", 1)
        whole = is_whole(first) and is_whole(stride)
        if not whole or not set(given) <= {"first", "stride"}:
            raise table.wrong("apic_ids", '"dense", a list, or { first, stride }')
        ids = [first + stride * index for index in range(count)]
    elif isinstance(given, list) and given and all(is_whole(value) for value in given):
        ids = given[:count]
        above = max(ids) + 1
        ids = [*ids, *range(above, above + count - len(ids))]
    else:
        raise table.wrong("apic_ids", '"dense", a list, or { first, stride }')
    if min(ids) < 0 or max(ids) >= APIC_ID_END:
        raise table.wrong("apic_ids", f"ids from 0 to {APIC_ID_END - 1:#x}")
    if len(set(ids)) != len(ids):
        raise table.wrong("apic_ids", "unique")
    return tuple(ids)


def _speeds(table: TomlTable, count: int, lie: Topology | None) -> tuple[float, ...]:
    """A pattern that repeats, [1.0, 0.5] alternates big and little cores, times what the types
    of the cores say."""
    given = table.values.get("speeds", [1.0])
    if not isinstance(given, list) or not given:
        raise table.wrong("speeds", "a list of numbers")
    for value in given:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not 0.01 <= value <= 100:
            raise table.wrong("speeds", "numbers from 0.01 to 100")
    kinds = [lie.type_of(index) if lie else None for index in range(count)]
    return tuple(
        float(given[index % len(given)]) * (kind.speed if kind else 1.0)
        for index, kind in enumerate(kinds)
    )
