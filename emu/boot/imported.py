"""What a loader imports of an image, and what of it the shim is to accept itself.

Source: openvmm, `vm/loader/src/paravisor.rs` (kernel and initrd are left shared where the
hardware isolates), `vm/loader/igvmfilegen/src/file_loader.rs` (descriptors and hashes),
`openhcl_boot/src/arch/x86_64/memory.rs` (how they are accepted and verified).
"""

from typing import Final

from emu.boot.layout import Builder
from emu.boot.parameters import (
    HASHES_MAX,
    IMPORTED_FIRST,
    Range,
    ShimParameters,
    imported_descriptors,
    imported_hash,
    page_hashes,
)
from emu.boot.platform import Platform
from emu.errors import PlatformError
from emu.hw.address import PAGE_BYTES

_IMPORTED_OFFSET: Final = 0x68000
_HASHES_OFFSET: Final = 0x6A000
"""In the parameter region."""

LeftPages = tuple[tuple[int, bytes], ...]
"""(GPA, whole pages), ascending."""
Imported = tuple[tuple[Range, bool], ...]
"""Ranges, ascending, and whether each is accepted."""


def left_shared(build: Builder, platform: Platform) -> LeftPages:
    """(GPA, all its pages) of each part that the shim is to accept itself: the host sees it,
    and nothing is at its private address yet. Taken out of what is placed."""
    names = {part: (part, f"{part} stub") for part in platform.openhcl.unaccepted}
    wanted = {name for known in names.values() for name in known}
    found: list[tuple[int, bytes]] = []
    for region in build.regions:
        if region.name not in wanted:
            continue
        pages, end = bytearray(region.size), region.gpa + region.size
        for gpa, data in [one for one in build.chunks if region.gpa <= one[0] < end]:
            pages[gpa - region.gpa : gpa - region.gpa + len(data)] = data
            build.chunks.remove((gpa, data))
        found.append((region.gpa, bytes(pages)))
    return tuple(sorted(found))


def told(
    platform: Platform, region: int, imported: Imported, shared: LeftPages
) -> list[tuple[int, bytes]]:
    """(GPA, bytes) of the pages of the parameter region that tell of it; raises
    PlatformError."""
    at, pages = region + _IMPORTED_OFFSET, b"".join(pages for _, pages in shared)
    chunks = [(at + IMPORTED_FIRST, imported_descriptors(imported))]
    if pages:
        chunks.append((at, imported_hash(pages)))
    if not pages or not platform.openhcl.page_hashes:
        return chunks
    if len(pages) > HASHES_MAX * PAGE_BYTES:
        raise PlatformError(
            f"platform {platform.name}: openhcl.page_hashes: "
            f"{len(pages) // PAGE_BYTES:,} pages are unaccepted, {HASHES_MAX:,} hashes fit"
        )
    return [*chunks, (region + _HASHES_OFFSET, page_hashes(pages))]


def imported_regions(
    parameters: ShimParameters, shared: LeftPages, reset: Range | None
) -> Imported:
    """What is imported, ascending, and whether it is accepted: all that is used but the
    persisted state and the bounce buffer behind it, which the shim accepts itself."""
    start, end = parameters.used[0], sum(parameters.used)
    gap, size = parameters.persisted[0], parameters.persisted[1] + parameters.bounce[1]
    found: list[tuple[Range, bool]] = []
    for gpa, length, listed in sorted(
        ((gap, size, False), *((gpa, len(pages), True) for gpa, pages in shared))
    ):
        found += [((start, gpa - start), True)] if gpa > start else []
        found += [((gpa, length), False)] if listed else []
        start = gpa + length
    found += [((start, end - start), True)] if end > start else []
    return (*found, (reset, True)) if reset else tuple(found)
