"""Regions by the shim's own parameters, where a file lays pages and gives them no names.

An IGVM file of openhcl is pages; which of them is what, its loader has written into one.
Source: openvmm, `vm/loader/loader_defs/src/shim.rs` (ShimParamsRaw): offsets from the shim's
base, the address of its ELF header, and sizes.
"""

import struct
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from emu.boot.layout import BootLayout, Region
from emu.boot.parameters import Range
from emu.hw.address import PAGE_BYTES

_BYTES: Final = 0xC0
_ISOLATION, _USED = 0x24, 0x70
_FIELDS: Final = {
    "initrd": 0x10, "parameter region": 0x38, "reserved": 0x48, "sidecar": 0x58,
    "bounce buffer": 0x80, "log": 0x90, "heap": 0xA0, "persisted state": 0xB0,
}  # fmt: skip
"""Region -> where its offset stands; its size is behind that."""
_ISOLATIONS: Final = (1, 2, 3)
_ELF: Final = b"\x7fELF"
_PARAMETER_BYTES_MIN: Final = 105 * PAGE_BYTES
"""What the shim asserts (`openhcl_boot/src/host_params/shim_params.rs`)."""
_BASES_MAX: Final = 16
_END: Final = 1 << 52
"""No address is beyond (SDM 3, 4.1.4)."""


def with_regions(layout: BootLayout) -> BootLayout:
    """The layout with those regions, if it has a shim's parameters and does not say itself
    where the shim's log lies."""
    if any(one.name == "log" for one in layout.regions):
        return layout
    pages = [(gpa + at, data, at) for gpa, data in layout.chunks for at in _pages(gpa, data)]
    bases = [gpa for gpa, data, at in pages if data.startswith(_ELF, at)][:_BASES_MAX]
    if not bases:
        return layout
    for gpa, data, at in pages:
        page = data[at : at + PAGE_BYTES] if _isolation(data, at) in _ISOLATIONS else b""
        if len(page) < _BYTES or any(page[_BYTES:]):
            continue
        for base in bases:
            if found := _regions(page, base, gpa):
                return replace(layout, regions=(*layout.regions, *found))
    return layout


def _isolation(data: bytes, at: int) -> int:
    """What an image is built for, if parameters stand there."""
    return int.from_bytes(data[at + _ISOLATION : at + _ISOLATION + 4], "little")


def _pages(gpa: int, data: bytes) -> range:
    return range(-gpa % PAGE_BYTES, len(data), PAGE_BYTES)


def _regions(page: bytes, base: int, gpa: int) -> tuple[Region, ...]:
    """The regions if base and numbers fit together; none if they do not."""
    first, last = (base + one for one in struct.unpack_from("<qq", page, _USED))
    found = dict(_ranges(page, base))
    inside = all(
        first <= start and start + size <= last and not start % PAGE_BYTES
        for name, (start, size) in found.items()
    )
    parameters = found.get("parameter region", (0, 0))[1]
    if not (0 <= first <= base < last <= _END and first <= gpa < last and inside):
        return ()
    if parameters < _PARAMETER_BYTES_MIN:
        return ()
    return (
        Region("shim parameters", gpa, PAGE_BYTES),
        *(Region(name, start, size) for name, (start, size) in found.items()),
    )


def _ranges(page: bytes, base: int) -> Iterator[tuple[str, Range]]:
    for name, at in _FIELDS.items():
        offset, size = struct.unpack_from("<qQ", page, at)
        if size:
            whole = -(-size // PAGE_BYTES) * PAGE_BYTES
            yield name, (base + offset, whole)
