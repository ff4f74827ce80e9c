"""What must hold of the headers of an IGVM file, for a loader to follow them.

Source: microsoft/igvm, `igvm_defs/src/lib.rs` (what each field may be) and the errors of
`igvm/src/lib.rs`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from emu.hw.address import PAGE_BYTES
from emu.igvm import headers as kinds
from emu.igvm.headers import Header, mask_of

_VTLS: Final = (0, 2)
_VP_CONTEXT_BYTES: Final = 4
"""The least that any format has: the count of VBS."""
INSERTED_BYTES_MAX: Final = 1 << 28
"""Of all areas on a platform: OpenHCL's have 300 KiB, and each page is measured one by one."""


PAGES_MAX: Final = (256 << 20) // PAGE_BYTES
"""Laid down on a platform: OpenHCL's are some 8,000. A header of 32 bytes costs a page."""


def trouble(
    headers: Iterable[Header], data_begins: int, file_bytes: int, architecture: str = "x64"
) -> str:
    """The first thing that is wrong, naming the header; empty if nothing is."""
    every = tuple(headers)
    for one in every:
        for words in _CHECKS.get(type(one), _nothing)(one):
            return f"{one.NAME} at {one.at:#x}: {words}"
        for offset, count in _data(one):
            if offset and (offset < data_begins or offset + count > file_bytes):
                return f"{one.NAME} at {one.at:#x}: its data at {offset:#x} is not in the file"
    return next(_of_architecture(every, architecture), "") or next(_together(every), "")


def _of_architecture(headers: tuple[Header, ...], architecture: str) -> Iterator[str]:
    """Platforms that no CPU of the file has."""
    for one in headers:
        if not isinstance(one, kinds.LaunchPlatform) or one.kind == kinds.VBS:
            continue
        if (one.kind == kinds.CCA) != (architecture == "AArch64"):
            yield f"{one.NAME} at {one.at:#x}: {one.name} is not for {architecture}"


def _nothing(_: Any) -> Iterator[str]:
    yield from ()


def _data(one: Header) -> Iterator[tuple[int, int]]:
    """(offset, bytes) of the file's data that a header is about."""
    match one:
        case kinds.PageData():
            yield one.file_offset, PAGE_BYTES
        case kinds.ParameterArea():
            yield one.file_offset, one.size
        case kinds.InitialContext():
            yield one.file_offset, _VP_CONTEXT_BYTES
        case kinds.Corim():
            yield one.file_offset, one.size


def _pages(**values: int) -> Iterator[str]:
    """Addresses and sizes that are whole pages."""
    for name, value in values.items():
        if value % PAGE_BYTES:
            yield f"{name} {value:#x} is no multiple of {PAGE_BYTES:,}"


def _zero(one: Any) -> Iterator[str]:
    reserved = one.reserved
    if any(reserved) if isinstance(reserved, bytes) else reserved:
        yield "what is reserved is not zero"


def _platform(one: kinds.LaunchPlatform) -> Iterator[str]:
    if one.mask.bit_count() != 1:
        yield f"mask {one.mask:#x} has not one bit"
    if one.highest_vtl not in _VTLS:
        yield f"highest VTL {one.highest_vtl} is neither 0 nor 2"
    if one.kind not in kinds.PLATFORMS:
        yield f"nobody knows platform type {one.kind}"
    if one.version != 1:
        yield f"version {one.version} is not 1"
    if one.kind in (0, kinds.VBS) and one.shared_boundary:
        yield f"{one.name} has no shared boundary, and this says {one.shared_boundary:#x}"


def _relocatable(one: kinds.RelocatableRegion) -> Iterator[str]:
    yield from _pages(gpa=one.gpa, size=one.size, alignment=one.alignment)
    if not one.alignment:
        yield "alignment is 0"
    else:
        for name in ("gpa", "minimum", "maximum"):
            value = getattr(one, name)
            if value % one.alignment:
                yield f"{name} {value:#x} is no multiple of the alignment {one.alignment:#x}"


def _tables(one: kinds.PageTableRegion) -> Iterator[str]:
    yield from _zero(one)
    yield from _pages(gpa=one.gpa, size=one.size, used_size=one.used_size)
    if one.used_size > one.size:
        yield f"uses {one.used_size:#x} of {one.size:#x} bytes"


def _area(one: kinds.ParameterArea) -> Iterator[str]:
    yield from _pages(size=one.size)
    if one.size > INSERTED_BYTES_MAX:
        yield f"size {one.size:#x} is more than {INSERTED_BYTES_MAX >> 20:,} MiB"


def _page(one: kinds.PageData) -> Iterator[str]:
    yield from _zero(one)
    yield from _pages(gpa=one.gpa)
    if one.kind not in kinds.PAGE_TYPES:
        yield f"nobody knows page type {one.kind}"
    if one.flags & kinds.TWO_MIB:
        yield "a page of 2 MiB, which no loader takes"
    elif one.flags & ~(kinds.UNMEASURED | kinds.SHARED):
        yield f"nobody knows flags {one.flags:#x}"


def _memory(one: kinds.RequiredMemory) -> Iterator[str]:
    yield from _zero(one)
    yield from _pages(gpa=one.gpa, size=one.size)


_CHECKS: Final[dict[type[Header], Callable[[Any], Iterator[str]]]] = {
    kinds.LaunchPlatform: _platform,
    kinds.GuestPolicy: _zero,
    kinds.RelocatableRegion: _relocatable,
    kinds.PageTableRegion: _tables,
    kinds.Corim: _zero,
    kinds.CorimSignature: _zero,
    kinds.CcaPolicy: _zero,
    kinds.ParameterArea: _area,
    kinds.PageData: _page,
    kinds.ParameterInsert: lambda one: _pages(gpa=one.gpa),
    kinds.InitialContext: _zero,
    kinds.RequiredMemory: _memory,
    kinds.ErrorRange: lambda one: _pages(gpa=one.gpa, size=one.size),
    kinds.SnpIdBlock: _zero,
}


def _together(headers: tuple[Header, ...]) -> Iterator[str]:
    """What one header says of another."""
    platforms = [one for one in headers if isinstance(one, kinds.LaunchPlatform)]
    if not platforms:
        yield "names no platform that it is for"
        return
    if len({one.kind for one in platforms}) < len(platforms):
        yield "names a platform twice"
    if len({one.mask for one in platforms}) < len(platforms):
        yield "gives two platforms one mask"
    known = sum(one.mask for one in platforms)
    for one in headers:
        mask = mask_of(one)
        if mask is not None and (not mask or mask & ~known):
            yield f"{one.NAME} at {one.at:#x}: mask {mask:#x} names no platform of the file"
    for platform in platforms:
        yield from _areas(headers, platform)
        pages = (one for one in headers if isinstance(one, kinds.PageData))
        count = sum(bool(one.mask & platform.mask) for one in pages)
        if count > PAGES_MAX:
            yield (
                f"lays {count:,} pages down on {platform.name}, and {PAGES_MAX:,} are the most"
            )
    yield from _relocations(headers)
    yield from _corim(headers)


def _areas(headers: tuple[Header, ...], platform: kinds.LaunchPlatform) -> Iterator[str]:
    """An area is declared, filled, and laid down once on a platform."""
    sizes: dict[int, int] = {}
    gone: set[int] = set()
    inserted = 0
    for one in headers:
        where = f"{one.NAME} at {one.at:#x}"
        match one:
            case kinds.ParameterArea(index=index):
                if index in sizes:
                    yield f"{where}: area {index} is there already"
                sizes[index] = one.size
            case kinds.HostParameter(index=index) | kinds.ParameterInsert(index=index):
                mask = mask_of(one)
                if mask is not None and not mask & platform.mask:
                    continue
                if index not in sizes or index in gone:
                    yield f"{where}: there is no area {index}"
                elif isinstance(one, kinds.HostParameter) and one.byte_offset >= sizes[index]:
                    yield f"{where}: byte {one.byte_offset:#x} is not in area {index}"
                if mask is not None:
                    gone.add(index)
                    inserted += sizes.get(index, 0)
                if inserted > INSERTED_BYTES_MAX:
                    yield f"{where}: is beyond {INSERTED_BYTES_MAX >> 20:,} MiB of areas"


def _relocations(headers: tuple[Header, ...]) -> Iterator[str]:
    """Regions that move do not overlap, and have a CPU whose tables are meant."""
    moved = (kinds.RelocatableRegion, kinds.PageTableRegion)
    regions = [one for one in headers if isinstance(one, moved)]
    for index, one in enumerate(regions):
        for other in regions[:index]:
            apart = one.gpa + one.size <= other.gpa or other.gpa + other.size <= one.gpa
            if one.mask & other.mask and not apart:
                yield f"{one.NAME} at {one.at:#x}: overlaps the one at {other.at:#x}"
    contexts = [one for one in headers if isinstance(one, kinds.InitialContext)]
    tables = [one for one in regions if isinstance(one, kinds.PageTableRegion)]
    for index, table in enumerate(tables):
        where = f"{table.NAME} at {table.at:#x}"
        if any(one.mask & table.mask for one in tables[:index]):
            yield f"{where}: is the second one of its platform"
        if not any(
            one.mask & table.mask and one.vp_index == table.vp_index for one in contexts
        ):
            yield f"{where}: no VP_CONTEXT has tables in it"
    yield from _within_tables(headers, tables)


def _within_tables(
    headers: tuple[Header, ...], tables: list[kinds.PageTableRegion]
) -> Iterator[str]:
    """No area is laid down where page tables move: those pages are made anew."""
    sizes = {one.index: one.size for one in headers if isinstance(one, kinds.ParameterArea)}
    for one in headers:
        if not isinstance(one, kinds.ParameterInsert):
            continue
        end = one.gpa + sizes[one.index]
        if any(
            one.mask & table.mask and one.gpa < table.gpa + table.size and table.gpa < end
            for table in tables
        ):
            yield f"{one.NAME} at {one.at:#x}: lies among page tables that move"


def _corim(headers: tuple[Header, ...]) -> Iterator[str]:
    """A document is there once for a platform, and before its signature."""
    documents = signatures = 0
    for one in headers:
        where = f"{one.NAME} at {one.at:#x}"
        match one:
            case kinds.CorimSignature():
                if one.mask & ~documents:
                    yield f"{where}: signs no document"
                if one.mask & signatures:
                    yield f"{where}: is the second one of its platform"
                signatures |= one.mask
            case kinds.Corim():
                if one.mask & documents:
                    yield f"{where}: is the second one of its platform"
                documents |= one.mask
