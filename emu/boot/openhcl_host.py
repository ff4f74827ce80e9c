"""What a host tells openhcl_boot besides CPUs and memory: [openhcl] of a platform's file.

Names and meanings are those of the host's device tree (openvmm,
`openhcl/host_fdt_parser/src/lib.rs`) and of its loader (`vm/loader/src/paravisor.rs`,
`vm/loader/loader_defs/src/paravisor.rs`), with `_` for `-`.
"""

from typing import Final, Literal

from msgspec import Struct

from emu.boot.platform_table import TomlTable
from emu.hw.address import PAGE_BYTES, U64

ENTROPY_MAX: Final = 256
"""Bytes that the shim takes (MAX_ENTROPY_SIZE)."""
POOL_PAGES_MAX: Final = 1 << 20
BOOTARGS_MAX: Final = 8192
"""Bytes that the shim has room for (COMMAND_LINE_SIZE)."""
MODES: Final = ("host", "vtl2")
POLICIES: Final = ("static", "append")
"""CommandLinePolicy by its number."""
PARTS: Final = ("kernel", "initrd")
"""What openvmm's loader leaves to be accepted where the hardware isolates."""


class OpenhclHost(Struct, frozen=True):
    """One host's ways."""

    vtl: Literal[0, 2] = 2
    """The trust level in which the image runs, as HvRegisterVsmVpStatus says."""
    memory_allocation_mode: str = "host"
    memory_size: int | None = None
    """Bytes that VTL 2 is to have; this and the next only in mode vtl2."""
    mmio_size: int | None = None
    vtl0_alias_map: int | None = None
    entropy: int = 0
    """How many bytes of it."""
    keep_alive: str = ""
    """The kind of devices that are kept over a servicing."""
    device_dma: int | None = None
    """Pages of VTL 2's pool (total-pages)."""
    bootargs: str = ""
    command_line_policy: str = "static"
    unaccepted: tuple[str, ...] = ()
    """Which of `PARTS` the loader leaves to be accepted."""
    page_hashes: bool = False
    """Whether it tells the hash of each of these pages, too."""


def openhcl_of(table: TomlTable, isolation: str) -> OpenhclHost:
    """What a platform's file says; raises PlatformError."""
    vtl = table.values.get("vtl", 2)
    if vtl not in (0, 2) or isinstance(vtl, bool):
        raise table.wrong("vtl", "0 or 2")
    if vtl == 0 and isolation != "none":
        raise table.wrong("vtl", f"2 where isolation is {isolation}")
    mode = table.one_of("memory_allocation_mode", "host", MODES)
    return OpenhclHost(
        vtl=0 if vtl == 0 else 2, memory_allocation_mode=mode,
        memory_size=_of_vtl2(table, "memory_size", mode),
        mmio_size=_of_vtl2(table, "mmio_size", mode),
        vtl0_alias_map=_maybe(table, "vtl0_alias_map", U64),
        entropy=table.whole("entropy", 0, 0, ENTROPY_MAX),
        keep_alive=_line(table, "keep_alive", ENTROPY_MAX),
        device_dma=_maybe(table, "device_dma", POOL_PAGES_MAX),
        bootargs=_line(table, "bootargs", BOOTARGS_MAX),
        command_line_policy=table.one_of("command_line_policy", "static", POLICIES),
        unaccepted=_parts(table, isolation), page_hashes=table.flag("page_hashes", False),
    )  # fmt: skip


def _maybe(table: TomlTable, key: str, most: int) -> int | None:
    return table.whole(key, 0, 0, most) if key in table.values else None


def _of_vtl2(table: TomlTable, key: str, mode: str) -> int | None:
    """A size that only means something where VTL 2 takes its memory itself."""
    found = _maybe(table, key, 1 << 40)
    if found is None:
        return None
    if mode != "vtl2":
        raise table.wrong(key, "left out unless memory_allocation_mode is vtl2")
    if found % PAGE_BYTES:
        raise table.wrong(key, "whole pages of 4,096 bytes")
    return found


def _line(table: TomlTable, key: str, most: int) -> str:
    value = table.values.get(key, "")
    if not isinstance(value, str) or not value.isprintable() or len(value.encode()) >= most:
        raise table.wrong(key, f"one line of text of less than {most:,} bytes")
    return value


def _parts(table: TomlTable, isolation: str) -> tuple[str, ...]:
    given = table.values.get("unaccepted")
    if given is None:
        return ()
    if not isinstance(given, list) or not given or not all(one in PARTS for one in given):
        raise table.wrong("unaccepted", f"a list of {', '.join(PARTS)}")
    if isolation not in ("tdx", "snp"):
        raise table.wrong("unaccepted", f"left out where isolation is {isolation}")
    return tuple(part for part in PARTS if part in given)
