"""What the host writes into the parameter areas of an IGVM file.

Source: microsoft/igvm, `igvm_defs/src/lib.rs` (IGVM_VHS_MEMORY_MAP_ENTRY,
IGVM_VHS_MMIO_RANGES, IgvmEnvironmentInfo); openvmm,
`openvmm/openvmm_core/src/worker/vm_loaders/igvm.rs` (import_parameter, build_memory_map).
"""

import struct
from collections.abc import Iterator
from typing import Final

from emu.boot import acpi_topology
from emu.boot.dtb import VTL0_MMIO, host_tree
from emu.boot.linux.acpi import madt
from emu.boot.parameters import Range
from emu.boot.platform import Platform
from emu.errors import PlatformError
from emu.hw.address import PAGE_BYTES, RESET_PAGE
from emu.igvm import headers as kinds

_MAP_ENTRY: Final = struct.Struct("<QQHHI")
_RAM, _RESERVED, _VTL2 = 0, 1, 3
"""MemoryMapEntryType."""
_SHARED_AT_FIRST: Final = 0
"""IgvmEnvironmentInfo: memory is private on every platform of ours that tells them apart."""

HostValues = dict[type[kinds.HostParameter], bytes]


def host_values(
    platform: Platform,
    ram: tuple[Range, ...],
    protectable: tuple[Range, ...],
    cmdline: str,
    tree: bytes | None,
) -> HostValues:
    """Each parameter's value. `protectable`: memory that is VTL 2's own; `tree`: the host's
    device tree, if it is not the one that describes the platform. Raises PlatformError."""
    line = _line(cmdline)
    if tree is None:
        base, size = platform.memory_base, platform.memory_bytes
        tree = host_tree(platform, ram=ram, vtl2_start=base, vtl2_bytes=size, bootargs=cmdline)
    mmio = [word >> 12 for extent in VTL0_MMIO for word in extent]
    return {
        kinds.VpCount: struct.pack("<I", platform.present),
        kinds.MemoryMap: _map(ram, protectable),
        kinds.MmioRanges: struct.pack("<4Q", *mmio),
        kinds.CommandLine: line,
        kinds.DeviceTree: tree,
        kinds.EnvironmentInfo: struct.pack("<I", _SHARED_AT_FIRST),
        kinds.Madt: madt(platform.apic_ids, platform.absent),
        kinds.Srat: acpi_topology.srat(platform.apic_ids, sorted(ram)),
        kinds.Slit: acpi_topology.slit(),
        kinds.Pptt: acpi_topology.pptt(platform.cpus),
    }


def _line(cmdline: str) -> bytes:
    try:
        return cmdline.encode("ascii") + b"\0"
    except UnicodeEncodeError:
        raise PlatformError("--cmdline: an IGVM file takes ASCII alone") from None


def _map(ram: tuple[Range, ...], protectable: tuple[Range, ...]) -> bytes:
    """Ascending entries, up to one without pages."""
    rows = [
        _MAP_ENTRY.pack(start // PAGE_BYTES, (end - start) // PAGE_BYTES, kind, 0, 0)
        for bank in sorted(ram)
        for start, end, kind in _cut(bank, sorted(protectable))
    ]
    return b"".join((*rows, bytes(_MAP_ENTRY.size)))


def _cut(bank: Range, protectable: list[Range]) -> Iterator[tuple[int, int, int]]:
    """(start, end, type) of the parts of a bank."""
    at, last = bank[0], sum(bank)
    usual = _RESERVED if at == RESET_PAGE else _RAM
    for gpa, size in protectable:
        start, end = max(gpa, at), min(gpa + size, last)
        if start < end:
            if at < start:
                yield at, start, usual
            yield start, end, _VTL2
            at = end
    if at < last:
        yield at, last, usual
