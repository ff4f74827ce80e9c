"""Which place of an image plays which part in a boot, whatever its symbols are called.

A role's places come from the first of these that has any: the platform's file (`[roles]`), the
tables of the images' families, the loader (the kernel's entry). Where none has, the machine
still tells some roles by what CPUs do: the first wait at the mailbox is `parked`, clearing the
command `ack`, the vector of a wake-up `arrived`.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from emu.boot.image import UPPER_HALF
from emu.boot.symbols import SymbolMap
from emu.errors import PlatformError
from emu.given.number import begins_a_number, number

Role = Literal[
    "parked", "ack", "os-entry", "waking", "arrived", "online", "left", "gave-up", "own-stack",
]  # fmt: skip
DataRole = Literal["mailbox", "ap-records", "ap-record-stride"]
ROLES: Final[dict[Role, str]] = {
    "parked": "waits at the mailbox", "ack": "takes the wake-up",
    "os-entry": "enters the kernel", "waking": "wakes its CPUs",
    "arrived": "enters the kernel", "online": "is online",
    "left": "is handed back to the firmware", "gave-up": "gives up",
    "own-stack": "has its own stack",
}  # fmt: skip
"""Role of a place of code -> what a CPU does that comes there."""
Phase = Literal["reset", "shim", "hypercalls", "memory", "tables", "start APs", "done"]
"""Phases of a boot that no role tells of."""
HOST_STEPS: Final[tuple[Phase, ...]] = ("hypercalls", "memory", "start APs")
"""Those that a host sees a shim come to, whatever its symbols are called."""
SEEN: Final[tuple[Role, ...]] = ("parked", "ack", "arrived")
"""Roles that a CPU is also seen to play where no place of the images is known for them."""
DATA_ROLES: Final[dict[DataRole, str]] = {
    "mailbox": "the mailbox page", "ap-records": "the pointer to the first AP's record",
    "ap-record-stride": "the 32-bit word that says how far apart the records are",
}  # fmt: skip
"""Role of a place of data -> what lies there."""
GivenRoles = tuple[tuple[str, tuple[str, ...]], ...]
"""(role, symbols and addresses), as a platform's file has them."""


class NamedPoint(Struct, frozen=True):
    """A place whose first execution on a CPU is worth a line: its symbol, what it means to a
    person, and its roles."""

    name: str
    words: str
    roles: tuple[Role, ...] = ()
    silent: bool = False
    """Only the role counts; the log says nothing."""
    phase: Phase | None = None
    """The phase of the boot that the BSP begins by coming there."""


class Family(Struct, frozen=True):
    """Images that are built from one source: the named points of their boot."""

    name: str
    points: tuple[NamedPoint, ...]
    data: tuple[tuple[DataRole, str], ...] = ()
    above: bool = False
    """Whether its places are in the upper half of all addresses, where kernels are."""

    def places(self, symbols: SymbolMap, name: str) -> list[int]:
        """Where a symbol of its images is."""
        return [at for at in symbols.find(name) if (at >= UPPER_HALF) == self.above]


SAMPLE: Final = Family(
    "sample",
    (
        NamedPoint("reset_entry", "leaves the reset vector", phase="reset"),
        NamedPoint("_start", "enters the shim", phase="shim"),
        NamedPoint("shim_main", "runs C code"),
        NamedPoint("accept_memory", "accepts its memory"),
        NamedPoint("build_ap_tables", "builds page tables for the APs", phase="tables"),
        NamedPoint("start_aps", "asks for its CPUs", phase="start APs"),
        NamedPoint("wait_for_aps", "waits until they are parked"),
        NamedPoint("write_device_tree", "writes the kernel's device tree"),
        NamedPoint("enter_kernel", "leaves the shim"),
        NamedPoint("ap_entry64", "starts in 64-bit mode", ("own-stack",)),
        NamedPoint("ap_trampoline", "starts in real mode"),
        NamedPoint("mailbox_wait", "waits at the mailbox", ("parked", "own-stack")),
        NamedPoint("mailbox_ack", "takes the wake-up", ("ack",)),
        NamedPoint("mailbox_jump", "leaves the mailbox"),
        NamedPoint("mailbox_reset_vector", "is handed back to the firmware", ("left",)),
        NamedPoint("ap_failed", "gives itself up", ("gave-up",)),
        NamedPoint("kernel_start", "enters the kernel", ("os-entry",)),
        NamedPoint("wake_aps", "wakes its CPUs", ("waking",)),
        NamedPoint("carry_out_plan", "follows its plan", ("waking",)),
        NamedPoint("secondary_start", "enters the kernel", ("arrived",)),
        NamedPoint("secondary_online", "is online", ("online",)),
        NamedPoint("secondary_idle", "idles"),
        NamedPoint("offline_ap", "takes a CPU offline"),
        NamedPoint("kernel_done", "is done", ("online",), phase="done"),
        NamedPoint("secondary_lost", "gives itself up", ("gave-up",), silent=True),
        NamedPoint("refuse", "gives the boot up", ("gave-up",), silent=True),
        NamedPoint("halt_forever", "halts for ever", ("gave-up",), silent=True),
    ),
    (
        ("mailbox", "mailbox_page"), ("ap-records", "ap_records"),
        ("ap-record-stride", "ap_record_stride"),
    ),
)  # fmt: skip
LINUX: Final = Family(
    "linux",
    (
        NamedPoint("start_kernel", "runs C code"),
        NamedPoint("bringup_nonboot_cpus", "wakes its CPUs", ("waking",)),
        NamedPoint("do_boot_cpu", "starts a CPU"),
        NamedPoint("acpi_wakeup_cpu", "wakes a CPU through the mailbox"),
        NamedPoint("wakeup_secondary_cpu_via_init", "wakes a CPU by INIT and SIPI"),
        NamedPoint("secondary_startup_64", "enters the kernel"),
        NamedPoint("start_secondary", "runs C code"),
        NamedPoint("cpuhp_ap_sync_alive", "waits for its hand-shake"),
        NamedPoint("cpu_startup_entry", "is online", ("online",)),
        NamedPoint(
            "native_smp_cpus_done", "has brought its CPUs up", ("online",), phase="done"
        ),
    ),
    above=True,
)  # fmt: skip
"""Functions of Linux by their names: arch/x86/kernel/smpboot.c, head_64.S, acpi/madt_wakeup.c
(until 6.10 acpi/boot.c), kernel/cpu.c, init/main.c. The vector of a wake-up is its trampoline,
which has no name where it runs."""
FAMILIES: Final[tuple[Family, ...]] = (SAMPLE, LINUX)
"""A family is there if a place of it with a role is: a shim's and its kernel's may be two."""
_TELLING: Final[frozenset[Phase]] = frozenset(("tables", "start APs"))
"""Phases that only a shim of ours has by its symbols: `_start` is anybody's, and any shim may
stand behind our reset page."""
_BEGINS: Final = {
    "reset": NamedPoint("reset-vector", "begins at the reset vector", phase="reset"),
    "shim": NamedPoint("shim-entry", "enters the shim", phase="shim"),
}
"""What the loader knows of any shim."""


class Roles(Struct, frozen=True):
    """The places of one machine's images."""

    points: dict[int, NamedPoint]
    """By linear address."""
    places: dict[str, tuple[int, ...]]
    """Role -> its addresses; a role without any is left out."""
    known: bool = False
    """Whether the shim's own symbols tell of its phases."""

    def of(self, role: str) -> tuple[int, ...]:
        """The addresses of a role, or of nothing that is one."""
        return self.places.get(role, ())

    def first(self, role: DataRole) -> int | None:
        """The one address of a role of data."""
        return next(iter(self.of(role)), None)


def families_of(symbols: SymbolMap) -> tuple[Family, ...]:
    """The families by whose tables the images are read."""
    return tuple(
        family
        for family in FAMILIES
        if any(point.roles and family.places(symbols, point.name) for point in family.points)
    )


def roles_of(
    symbols: SymbolMap,
    given: GivenRoles,
    os_entry: int | None,
    begins: tuple[tuple[Phase, int], ...] = (),
) -> Roles:
    """Every place with a role or a name; raises PlatformError for a symbol that is missing.
    `begins`: where the loader says that a phase begins, of images that are not known."""
    families, named = families_of(symbols), dict(given)
    points = [
        (replace(point, roles=tuple(role for role in point.roles if role not in named)), place)
        for family in families
        for point in family.points
        for place in family.places(symbols, point.name)
    ]
    for role, words in ROLES.items():
        for word in named.get(role, ()):
            point = NamedPoint(role if begins_a_number(word) else word, words, (role,))
            points += [(point, place) for place in _found(symbols, role, word)]
    if os_entry is not None and not any("os-entry" in point.roles for point, _ in points):
        points.append((NamedPoint("os-entry", ROLES["os-entry"], ("os-entry",)), os_entry))
    phases = {point.phase for point, _ in points}
    known = not phases.isdisjoint(_TELLING)
    if not known:
        points += [(_BEGINS[phase], at) for phase, at in begins if phase not in phases]
    places: dict[str, tuple[int, ...]] = {}
    for point, place in points:
        for role in point.roles:
            places[role] = (*places.get(role, ()), place)
    usual = dict(pair for family in families for pair in family.data)
    for data in DATA_ROLES:
        given_words = named.get(data, (usual[data],) if data in usual else ())
        found = [
            at for word in given_words for at in _found(symbols, data, word, data in named)
        ]
        if found:
            places[data] = tuple(found)
    return Roles(_joined(points), places, known)


def _joined(points: list[tuple[NamedPoint, int]]) -> dict[int, NamedPoint]:
    """One point an address: the last to name it, with the roles of all."""
    found: dict[int, NamedPoint] = {}
    for point, place in points:
        known = found[place].roles if place in found else ()
        more = tuple(role for role in point.roles if role not in known)
        named = point.phase or (found[place].phase if place in found else None)
        found[place] = replace(point, roles=known + more, phase=named)
    return found


def _found(symbols: SymbolMap, role: str, word: str, must: bool = True) -> tuple[int, ...]:
    """The addresses of a symbol or a number; raises PlatformError if there `must` be one."""
    if begins_a_number(word):
        return (number(word, role),)
    found = tuple(symbols.find(word))
    if must and not found:
        raise PlatformError(f"roles.{role}: no image has a symbol {word!r}")
    return found
