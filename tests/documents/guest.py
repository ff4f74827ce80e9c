"""What the machine knows, as reference: platform keys, injections, rules, calls, statuses."""

from collections.abc import Iterable
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from emu.boot import platform
from emu.boot.platform import Platform, platform_of
from emu.boot.platform_keys import MEANS
from emu.boot.prices import Price
from emu.boot.topology import Topology
from emu.errors import PlatformError
from emu.inject.kind import InjectionKind
from emu.inject.kinds import KINDS
from emu.mailbox.rule import Rule
from emu.mailbox.rules import RULES
from emu.profile.prices import prices_of
from emu.vmm.hypercalls.call import Status
from emu.vmm.hypercalls.dispatch import HYPERCALLS
from emu.vmm.msr import MSRS
from emu.vmm.tdx.abi import Code
from emu.vmm.tdx.dispatch import LEAVES
from emu.vmm.tdx.host import STATUSES
from emu.vmm.tdx.vmcall import SUBFUNCTIONS
from tests.documents.markdown import code, plain, table
from tests.documents.texts import told

_FILE: Final = Path("FILE.toml")
_LEAST: Final = {"isolation": '"none"', "start": '"sipi"', "hyperv": "false"}
"""Keys that a platform's file must have, with a value."""


def keys_of_platforms() -> list[str]:
    """Every key that a platform's file may have."""
    tables = {name for name in platform._KEYS if name}
    return [
        f"{name}.{key}" if name else key
        for name, keys in platform._KEYS.items()
        for key in sorted(keys if name else keys - tables)
    ]


def platform_keys() -> str:
    """Each key: what it must be in the program's own words, and what it is by default."""
    order = list(MEANS)
    known = sorted(keys_of_platforms(), key=order.index)
    rows = ((code(key), plain(MEANS[key]), plain(must_be(key)), _default(key)) for key in known)
    return table(("key", "is", "must be", "without it"), rows)


def must_be(key: str) -> str:
    """What the program says a key must be, asked by a value that none can have."""
    try:
        platform_of(_with(key, "[]"), _FILE)
    except PlatformError as error:
        return str(error).partition(" must be ")[2].rpartition(", got ")[0]
    raise AssertionError(f"{key} = [] is taken")


def _with(key: str, value: str) -> str:
    """A file with the keys that it must have, and one."""
    name, _, leaf = key.rpartition(".")
    least = _LEAST if name else {**_LEAST, key: value}
    top = "".join(f"{one} = {given}\n" for one, given in least.items())
    return f"{top}[{name}]\n{leaf} = {value}\n" if name else top


@cache
def _usual() -> Platform:
    return platform_of(_with("tsc_hz", "2000000000"), _FILE)


def _default(key: str) -> str:
    if key in _LEAST:
        return "must be there"
    name, _, leaf = key.rpartition(".")
    usual = _usual()
    given: dict[str, Any] = {
        "name": "the file's name", "hypervisor": "as hyperv says",
        "dialect": "read from the code", "cpus.count": usual.cpus,
        "cpus.possible": "as many",
        "cpus.apic_ids": "dense", "cpus.speeds": "1.0", "memory.base": hex(usual.memory_base),
        "memory.mib": usual.memory_bytes >> 20, "memory.low_kib": usual.low_memory_bytes >> 10,
    }  # fmt: skip
    given |= {
        "loop.at": "where an executable is linked, else where there is room",
        "loop.mailbox": "a page behind it", "loop.mode": "long",
        "loop.entry": "an ELF file's entry, else the first byte", "loop.reset": "none",
        "loop.load": "none", "loop.plan": "a kernel wakes them", "loop.find": "tree",
        "loop.registers": "rbx mailbox, rbp vcpu, r8 apic-id, rsp stack",
    }  # fmt: skip
    given |= {
        "numa.cpus": "evenly, in VP order", "numa.memory": "none", "openhcl.bootargs": "none",
        "openhcl.keep_alive": "none", "openhcl.unaccepted": "nothing",
        **dict.fromkeys(
            ("openhcl.memory_size", "openhcl.mmio_size", "openhcl.vtl0_alias_map",
             "openhcl.device_dma"),
            "not told",
        ),
    }  # fmt: skip
    if name == "roles":
        return "found"
    if name == "prices":
        return _price(prices_of(usual)[leaf])
    if name == "topology":
        return "none" if leaf == "types" else str(getattr(Topology(), leaf))
    if key in given:
        return str(given[key])
    of_table = {"time": usual.costs, "numa": usual.numa, "openhcl": usual.openhcl}
    found = getattr(of_table.get(name, usual), leaf)
    if isinstance(found, bool):
        return str(found).lower()
    return f"{found:,}" if isinstance(found, int) else str(found)


def _price(one: Price) -> str:
    value = "" if one.timed else f"{one.value:,g}, "
    return plain(f"{value}{one.low:,g} to {one.high:,g}: {one.told}")


def injections(group: str) -> str:
    """The kinds of one group."""
    return "\n\n".join(_injection(kind) for kind in KINDS if kind.group == group)


def groups() -> list[str]:
    """All groups of kinds."""
    return list(dict.fromkeys(kind.group for kind in KINDS))


def _injection(kind: InjectionKind) -> str:
    moment = f"at `{kind.when}`" if kind.when else "at once"
    later = f"; before its CPU has started, at `{kind.not_started}`" if kind.not_started else ""
    anchor, text, see = told("injection", kind.name)
    what = f"{plain(kind.help[0].upper() + kind.help[1:])}. {text}".strip()
    head = f"{anchor}\n\n### `{kind.usage}`\n\n{what}\n\nWithout a moment: {moment}{later}."
    lacking = {word for one in _platforms() if (word := kind.lacking(one))}
    if lacking:
        have = ", ".join(one.name for one in _platforms() if not kind.lacking(one))
        head += f" On {have} alone."
    head += f" Example: `inject {kind.name} {kind.example}".rstrip() + "`."
    rows = ((code(one.name), plain(one.help), one.default or "") for one in kind.parameters)
    takes = table(("takes", "is", "by default"), rows) if kind.parameters else ""
    return "\n\n".join(part for part in (head.strip(), takes, see) if part)


@cache
def _platforms() -> tuple[Platform, ...]:
    names = ("tdx", "vbs", "none", "sipi")
    return tuple(
        platform_of(platform.platform_text(name), Path(f"{name}.toml")) for name in names
    )


def rules() -> str:
    """Every rule with its source."""
    return "\n\n".join(_rule(rule) for rule in RULES)


def _rule(rule: Rule) -> str:
    causes = ", ".join(map(code, rule.follows_from))
    anchor, text, see = told("rule", rule.name)
    rows = (
        anchor, f"### `{rule.name}`", f"**{plain(rule.says)}**", text,
        f"*{rule.severity.capitalize()}.* Source: {plain(rule.source)}",
        f"What follows: {plain(rule.follows)}", f"Look at: {plain(rule.look_at)}",
        f"Follows from: {causes}" if causes else "", see,
    )  # fmt: skip
    return "\n\n".join(row for row in rows if row)


def calls() -> str:
    """Hypercalls, leaves of TDCALL and subfunctions of VMCALL."""
    rows = [
        *((code(f"{one.code:#06x}"), code(one.name), "hypercall (TLFS)") for one in HYPERCALLS),
        *((str(one.number), code(f"TDG.{one.name}"), "TDCALL leaf") for one in LEAVES),
        *(
            (code(f"{one.number:#x}"), code(one.name), "subfunction of TDG.VP.VMCALL")
            for one in SUBFUNCTIONS
        ),
    ]
    return table(("number", "name", "is"), rows)


def msrs() -> str:
    """Every MSR that answers, and how."""
    rows = (
        (code(_span(one.number, one.count)), code(one.name), _ways(one.read, one.write))
        for one in sorted(MSRS, key=lambda one: one.number)
    )
    return table(("MSR", "name", "can be"), rows)


def _span(first: int, count: int) -> str:
    return f"{first:#x}" if count == 1 else f"{first:#x} to {first + count - 1:#x}"


def _ways(read: object, write: object) -> str:
    ways = (("read", read), ("written", write))
    return " and ".join(word for word, way in ways if way is not None)


def statuses() -> str:
    """What calls answer, by who answers."""
    rows: Iterable[tuple[str, str, str]] = (
        *_numbers(Status, "HV_STATUS, of a hypercall (TLFS)", 4),
        *_numbers(Code, "bits 63:32 of RAX, of a TDCALL (TDX module ABI)", 8),
        *(
            (code(f"{number:#018x}"), code(name), "R10, of TDG.VP.VMCALL (GHCI)")
            for number, name in STATUSES.items()
        ),
    )
    return table(("status", "name", "where"), rows)


def _numbers(kind: type[IntEnum], where: str, digits: int) -> Iterable[tuple[str, str, str]]:
    return ((code(f"{one:#0{digits + 2}x}"), code(one.name), where) for one in kind)
