"""The keys of a platform's file, each with what it is, and a file that has all of them.

Only what another platform's file says is in force; the rest is written as comments, with the
value that it has without a word, or with an example where it has none.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import to_builtins
from msgspec.structs import fields

from emu.boot.ap_loop import USUAL
from emu.boot.openhcl_host import OpenhclHost
from emu.boot.platform import CLOCKS_APART_NS, MEMORY_MIB, Costs
from emu.boot.prices import PRICES, Price
from emu.boot.roles import DATA_ROLES, ROLES
from emu.boot.topology import PARTS

MEANS: Final = {
    "name": "what the platform is called; by default the file's name",
    "isolation": "who protects the guest from its host",
    "start": "how APs begin: a hypercall starts them with a context, at the reset vector, "
    "or INIT and SIPI do",
    "hyperv": "whether CPUID shows Hyper-V's leaves, and its MSRs and hypercalls answer",
    "hypervisor": "which hypervisor CPUID names, where that is not Hyper-V: with kvm its "
    "signature is there and, but for a TD, its clock",
    "tsc_hz": "the rate of the time stamp counter, in Hz of virtual time",
    "clocks_apart_ns": "by how much the clocks of two CPUs may differ before a rule is broken",
    "accept_level": "the largest page that the host maps for a TD: an accept above is refused",
    "mwait": "the depths of MWAIT that CPUs offer; without it they have neither MONITOR nor "
    "MWAIT",
    "dialect": "which firmware's mailbox loop it is; without it, it is read from the code",
    "cpus.count": "how many CPUs; `--cpus` is stronger",
    "cpus.possible": "how many there may ever be: those above `count` are not there at first, "
    "and `inject plug` brings them; `--possible` is stronger",
    "cpus.apic_ids": "the APIC id of each CPU; a list that is short goes on upwards",
    "cpus.speeds": "relative speeds, 1.0 is nominal; a pattern that repeats",
    "memory.base": "where the RAM of the image begins, in guest-physical memory",
    "memory.mib": "how much; 0 is what so many CPUs need; `--memory` is stronger",
    "memory.low_kib": "RAM from 0 on, for trampolines in real mode",
    "time.instructions_per_ns": "how many instructions a CPU of speed 1.0 executes in a ns",
    "time.exit_ns": "what an exit takes that is nothing of the following",
    "time.tdcall_ns": "what a TDCALL takes",
    "time.hypercall_ns": "what a hypercall takes",
    "time.accept_4k_ns": "what it takes to accept a page of 4 KiB",
    "time.accept_2m_ns": "what it takes to accept a page of 2 MiB",
    "time.start_vp_ns": "from the call that starts a CPU to its first instruction",
    "time.sipi_ns": "from a SIPI to the first instruction",
    "time.io_ns": "what port I/O takes",
    "td.vp_init": "what each vCPU of a TD begins with in RCX and R8 (TDH.VP.INIT)",
    "td.page_release": "whether a TD may give pages back (CONFIG_FLAGS.PAGE_RELEASE)",
    "td.no_rbp_mod": "whether no call to the host may show RBP (CONFIG_FLAGS.NO_RBP_MOD)",
    "loop.at": "where a loop given by `--ap-loop` is put; `--at` is stronger",
    "loop.mailbox": "where its mailbox page is; `--mailbox` is stronger",
    "loop.mode": "the mode in which APs come to it; `--loop-mode` is stronger",
    "loop.entry": "where they come to it: a symbol, or an offset; `--loop-entry` is stronger",
    "loop.reset": "where the OS hands a CPU back, if it may; `--loop-reset` is stronger",
    "loop.registers": "what registers hold there: mailbox, vcpu, apic-id, stack, tables",
    "loop.load": "more files in memory; `--load` is stronger",
    "loop.plan": "what the built-in OS does with the CPUs that wait; `--loop-plan` is stronger",
    "loop.find": "where that OS looks for the mailbox: in the device tree or in ACPI's MADT",
    "numa.nodes": "how many NUMA nodes the CPUs, and the image's memory, are shared among",
    "numa.cpus": "the node of each CPU; a list that is short goes on with its last",
    "numa.memory": "more ranges of memory; `type` is memory, reserved, persistent or vtl2",
    "openhcl.vtl": "the trust level in which the image runs; 0 only without isolation",
    "openhcl.memory_allocation_mode": "who chooses VTL 2's memory: the host, or the shim "
    "itself out of all that the host tells of",
    "openhcl.memory_size": "how many bytes VTL 2 is to choose, in mode vtl2",
    "openhcl.mmio_size": "how many bytes of MMIO it is to choose, in mode vtl2",
    "openhcl.vtl0_alias_map": "where VTL 0's memory is seen once more, and VsmCapabilities' "
    "bit for it; told, not mapped",
    "openhcl.entropy": "how many bytes of entropy the host gives, out of the seed",
    "openhcl.keep_alive": "the kind of devices that are kept over a servicing: nvme",
    "openhcl.device_dma": "pages of VTL 2's pool (device-dma, total-pages)",
    "openhcl.bootargs": "the host's own words for the kernel's command line (/chosen)",
    "openhcl.command_line_policy": "whether these are appended to the measured command line",
    "openhcl.unaccepted": "what a TD's loader leaves shared: the shim accepts it, and holds it "
    "against a hash (SHA-384)",
    "openhcl.page_hashes": "whether the hash of each such page is told, too",
    **{f"roles.{role}": f"where a CPU is that {words}" for role, words in ROLES.items()},
    **{f"roles.{role}": words for role, words in DATA_ROLES.items()},
    "topology.packages": "sockets; CPUs are numbered with threads fastest, packages slowest",
    "topology.clusters": "of each package: cores that share a cache (a module, a CCX)",
    "topology.cores": "of each cluster",
    "topology.threads": "of each core",
    "topology.types": "types of cores, each for so many cores in a row, over and over",
    **{
        f"prices.{one.name}": f"{one.what}: its range and source" if one.timed else one.what
        for one in PRICES
    },
}
"""Key -> what it is."""

TABLES: Final = (
    "cpus", "memory", "td", "time", "loop", "numa", "openhcl", "roles", "prices", "topology",
)  # fmt: skip
_MEANT: Final = ("topology",)
"""Tables that say something by being there: without a key of theirs the header is a comment."""
_TOP: Final = ""
_HEX: Final = (
    "base", "at", "mailbox", "vp_init", "memory_size", "mmio_size", "vtl0_alias_map",
)  # fmt: skip
"""Keys whose numbers are addresses or patterns of bits."""


def _range(price: Price) -> dict[str, Any]:
    """A price's own range and source; the value of what clocks are made of is in [time]."""
    own: dict[str, Any] = {} if price.timed else {price.unit: price.value}
    return {**own, "low": price.low, "high": price.high, "source": price.told}


_SHOWN: Final[dict[str, Any]] = {
    "name": "mine",
    "isolation": "none",
    "start": "sipi",
    "hyperv": False,
    "hypervisor": "hyperv",
    "tsc_hz": 2_000_000_000,
    "clocks_apart_ns": CLOCKS_APART_NS,
    "accept_level": "2M",
    "mwait": ["C1", "C6"],
    "dialect": "edk2",
    "cpus.count": 4,
    "cpus.possible": 4,
    "cpus.apic_ids": "dense",
    "cpus.speeds": [1.0],
    "memory.base": 0x800_0000,
    "memory.mib": MEMORY_MIB,
    "memory.low_kib": 0,
    "td.vp_init": 0,
    "td.page_release": False,
    "td.no_rbp_mod": True,
    "loop.at": 0x880_0000,
    "loop.mailbox": 0x880_1000,
    "loop.mode": "long",
    "loop.entry": "loop_start",
    "loop.reset": "0x40",
    "loop.registers": dict(USUAL),
    "loop.load": ["0x8900000=late.bin"],
    "loop.plan": "wake 1, test 2",
    "loop.find": "tree",
    **{f"time.{slot.name}": getattr(Costs(), slot.name) for slot in fields(Costs)},
    "numa.nodes": 1,
    "numa.cpus": [0, 0, 1, 1],
    "numa.memory": [{"base": 0x1000_0000, "mib": 64, "node": 1, "type": "memory"}],
    **{f"openhcl.{key}": value for key, value in to_builtins(OpenhclHost()).items()},
    "openhcl.memory_size": 0x600_0000,
    "openhcl.mmio_size": 0x800_0000,
    "openhcl.vtl0_alias_map": 1 << 45,
    "openhcl.keep_alive": "nvme",
    "openhcl.device_dma": 1024,
    "openhcl.bootargs": "quiet",
    "openhcl.unaccepted": ["kernel"],
    **{f"roles.{role}": "symbol" for role in (*ROLES, *DATA_ROLES)},
    **{f"topology.{part}": 4 if part == "cores" else 1 for part in PARTS},
    "topology.types": [{"name": "big", "cores": 1}, {"name": "little", "core": "atom"}],
    **{f"prices.{one.name}": _range(one) for one in PRICES},
}
"""Key -> what it is without a word, or an example."""
_EXAMPLES: Final = (
    "name", "isolation", "start", "hyperv", "hypervisor", "mwait", "dialect", "loop.at",
    "loop.mailbox", "loop.entry",
    "loop.reset", "loop.load", "loop.plan", "numa.cpus", "numa.memory", "openhcl.memory_size",
    "openhcl.mmio_size", "openhcl.vtl0_alias_map", "openhcl.keep_alive", "openhcl.device_dma",
    "openhcl.bootargs", "openhcl.unaccepted",
    *(f"topology.{part}" for part in (*PARTS, "types")),
    *(f"prices.{one.name}" for one in PRICES),
    *(f"roles.{role}" for role in (*ROLES, *DATA_ROLES)),
)  # fmt: skip


def commented(values: dict[str, Any], name: str) -> str:
    """The text of a file with the values of another, under a name of its own."""
    given = {**values, "name": name}
    lines = [
        "# A platform for apdbg. A line behind one # is what holds without it, or an example."
    ]
    for table in (_TOP, *TABLES):
        own = given if table == _TOP else given.get(table, {})
        if table:
            mark = "# " if table in _MEANT and not own else ""
            lines += ["", f"{mark}[{table}]"]
        lines += _rows(table, own)
    return "\n".join(lines) + "\n"


def _rows(table: str, values: dict[str, Any]) -> Iterator[str]:
    for key in _keys(table):
        word = key.rpartition(".")[2]
        mark, value = ("", values[word]) if word in values else ("# ", _SHOWN[key])
        yield f"## {MEANS[key]}"
        example = "  # for example" if mark and key in _EXAMPLES else ""
        yield f"{mark}{word} = {_toml(word, value)}{example}"


def _keys(table: str) -> Iterable[str]:
    return (key for key in MEANS if key.rpartition(".")[0] == table)


def _toml(key: str, value: Any) -> str:
    """A value as TOML has it."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return f"{value:#x}" if key in _HEX else f"{value:_}"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(_toml(key, one) for one in value)}]"
        case dict():
            inner = (f"{name} = {_toml(name, one)}" for name, one in value.items())
            return f"{{ {', '.join(inner)} }}"
    return repr(float(value))
