"""An IGVM file: it says itself what lies where, and how the first CPU begins.

Source: microsoft/igvm, `igvm_defs/src/lib.rs`; openvmm,
`openvmm/openvmm_core/src/worker/vm_loaders/igvm.rs` (what a loader does with each header).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.igvm_entry import BeginsWith
from emu.boot.igvm_parameters import HostValues, host_values
from emu.boot.image import Image, ImageSegment, Placed, load_image
from emu.boot.layout import BootLayout, Region, banks
from emu.boot.lines import LineTable
from emu.boot.parameters import Range
from emu.boot.platform import Platform
from emu.boot.structs import structs_of
from emu.boot.symbols import SymbolMap
from emu.errors import ImageError, PlatformError
from emu.hw.address import PAGE_BYTES, RESET_PAGE
from emu.igvm import headers as kinds
from emu.igvm.file import MAGIC, Igvm, parse_igvm
from emu.igvm.headers import LaunchPlatform
from emu.igvm.launch_pages import launch_pages
from emu.igvm.relocation import Relocation, occupied, relocation

_LAUNCHES: Final = {
    "tdx": (kinds.TDX,), "vbs": (kinds.VBS,), "none": (0, kinds.VBS),
}  # fmt: skip
"""Isolation of a platform -> the platforms of a file that fit, the best one first: files for
no isolation name VBS (openvmm, `vm/loader/manifests`)."""
_CODE_BYTES: Final = 64
"""So many bytes of an image's entry say where in memory it lies."""
_EXECUTE: Final = 1
_VTL2_PROTECTABLE: Final = 1
_BESIDE_MAX: Final = 64
"""Of a folder, so many files are looked at for names."""

Pieces = tuple[tuple[int, bytes], ...]
"""(GPA, bytes) of what lies in memory."""


def recognise(image: Image) -> bool:
    """Whether it is one."""
    return image.data[:4] == MAGIC


def image_of(path: Path, data: bytes) -> Image:
    """The file as an image: the pages of the first platform that has some, without a symbol;
    raises ImageError."""
    igvm = parse_igvm(path, data)
    pages = next(
        (found for one in igvm.platforms if (found := _pages(igvm, one, Relocation()))), ()
    )
    if not pages:
        raise ImageError(f"{path}: lays no page into memory")
    segments = tuple(ImageSegment(at, data, len(data), _EXECUTE) for at, data in pages)
    return Image(path, "executable", 0, segments, (), data)


def lay_out(loaded: Loaded) -> BootLayout:
    """What the file says for the platform; raises ImageError or PlatformError."""
    platform, path = loaded.platform, loaded.image.path
    igvm = parse_igvm(path, loaded.image.data)
    laid = _Laid(igvm, _launch(igvm, platform), loaded)
    own = (*laid.pages, *laid.areas)
    images = tuple(placed(image, laid.pages) for image in loaded.symbols)
    return BootLayout(
        name=path.name, ram=laid.ram, accepted=_ranges(own), chunks=own, shared=laid.shared,
        entry=laid.begins.state(laid.moved), regions=_regions(igvm, laid),
        placed=images, symbols=SymbolMap(images), lines=LineTable(images),
        structs=structs_of(images[0].image if images else loaded.image),
        host_dtb_gpa=laid.tree_at,
        mailbox_gpa=RESET_PAGE if platform.start == "reset-vector" else None,
        launch=launch_pages(igvm.on(laid.launch), laid.moved),
    )  # fmt: skip


class _Laid:
    """What lies where on a platform."""

    def __init__(self, igvm: Igvm, launch: LaunchPlatform, loaded: Loaded) -> None:
        platform = loaded.platform
        self.launch = launch
        self.ram = banks(platform, (platform.memory_base, platform.memory_bytes))
        self.begins = BeginsWith(igvm, launch)
        base, paging = loaded.igvm_base, self.begins.paging
        self.moved = relocation(igvm, launch, self.ram, base, paging)
        # Before anything is made of it: a region that is not in memory may have any size.
        _inside(igvm, self.ram, _extents(igvm, launch, self.moved))
        values = host_values(
            platform, self.ram, _protectable(igvm, launch, self.moved), loaded.cmdline,
            loaded.host_dtb,
        )  # fmt: skip
        self.areas, self.tree_at = _areas(igvm, launch, values, self.moved)
        self.pages = (*_pages(igvm, launch, self.moved), *self._tables(igvm))
        self.shared = _pages(igvm, launch, self.moved, shared=True)
        if self.moved.pages is not None:
            _apart(igvm, (*self.pages, *self.areas))

    def _tables(self, igvm: Igvm) -> Pieces:
        """Page tables that follow a file which is moved."""
        region = self.moved.tables
        if region is None:
            return ()
        old = {
            one.gpa: _data(igvm, one)
            for one in igvm.on(self.launch)
            if isinstance(one, kinds.PageData) and region.holds(one.gpa)
        }
        cr0, cr3, cr4 = (self.begins.value(name) for name in ("cr0", "cr3", "cr4"))
        try:
            return ((region.base, self.moved.rebuilt(old, cr0, cr3, cr4)),)
        except ImageError as error:
            raise ImageError(f"{igvm.path}: moved by {region.delta:#x}: {error}") from None


def _launch(igvm: Igvm, platform: Platform) -> LaunchPlatform:
    """The platform of the file that is meant by ours."""
    if igvm.architecture != "x64":
        raise ImageError(f"{igvm.path}: is for {igvm.architecture}, and apdbg has x86-64 alone")
    by_kind = {one.kind: one for one in igvm.platforms}
    for kind in _LAUNCHES[platform.isolation]:
        if kind in by_kind:
            return by_kind[kind]
    names = ", ".join(one.name for one in igvm.platforms)
    raise ImageError(f"{igvm.path}: is for {names}, not for platform {platform.name}")


def _data(igvm: Igvm, one: kinds.PageData) -> bytes:
    return igvm.data(one.file_offset, PAGE_BYTES)


def _pages(
    igvm: Igvm, launch: LaunchPlatform, moved: Relocation, *, shared: bool = False
) -> Pieces:
    """(GPA, bytes) of the pages that are the guest's own, or those it shares with the host;
    page tables that are rebuilt are left out."""
    return tuple(_joined(
        (moved.gpa(one.gpa), _data(igvm, one))
        for one in igvm.on(launch)
        if isinstance(one, kinds.PageData)
        and bool(one.flags & kinds.SHARED) == shared
        and not moved.in_tables(one.gpa)
    ))  # fmt: skip


def _joined(pages: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """What lies behind each other, as one piece."""
    begin, pieces = 0, list[bytes]()
    for gpa, data in pages:
        if pieces and gpa != begin + PAGE_BYTES * len(pieces):
            yield begin, b"".join(pieces)
            pieces = []
        if not pieces:
            begin = gpa
        pieces.append(data)
    if pieces:
        yield begin, b"".join(pieces)


def _protectable(igvm: Igvm, launch: LaunchPlatform, moved: Relocation) -> tuple[Range, ...]:
    """(GPA, bytes) of memory that has to be there for VTL 2 alone."""
    return tuple(
        (moved.gpa(one.gpa), one.size)
        for one in igvm.on(launch)
        if isinstance(one, kinds.RequiredMemory) and one.flags & _VTL2_PROTECTABLE
    )


def _areas(
    igvm: Igvm, launch: LaunchPlatform, given: HostValues, moved: Relocation
) -> tuple[Pieces, int | None]:
    """((GPA, bytes) of the areas as they are laid down, where the device tree lies). What is
    never laid down is never made: it may have any size."""
    areas: dict[int, kinds.ParameterArea] = {}
    filled: dict[int, list[tuple[int, bytes]]] = {}
    trees: dict[int, int] = {}
    laid: list[tuple[int, bytes]] = []
    tree_at = None
    for one in igvm.on(launch):
        match one:
            case kinds.ParameterArea():
                areas[one.index], filled[one.index] = one, []
            case kinds.HostParameter():
                value = given[type(one)]
                if one.byte_offset + len(value) > areas[one.index].size:
                    raise PlatformError(
                        f"{igvm.path}: {one.NAME} at {one.at:#x}: {len(value):,} bytes do not "
                        f"fit into area {one.index} at {one.byte_offset:#x}"
                    )
                filled[one.index].append((one.byte_offset, value))
                if isinstance(one, kinds.DeviceTree):
                    trees[one.index] = one.byte_offset
            case kinds.ParameterInsert():
                gpa, area = moved.gpa(one.gpa), areas[one.index]
                data = bytearray(igvm.data(area.file_offset, area.size))
                for at, value in filled[one.index]:
                    data[at : at + len(value)] = value
                laid.append((gpa, bytes(data)))
                if one.index in trees:
                    tree_at = gpa + trees[one.index]
    return tuple(laid), tree_at


def _extents(
    igvm: Igvm, launch: LaunchPlatform, moved: Relocation
) -> Iterator[tuple[int, int]]:
    """(GPA, bytes) of all that is laid down or asked for."""
    for gpa, size in occupied(igvm.on(launch)):
        yield moved.gpa(gpa), size
    if moved.tables is not None:
        yield moved.tables.base, moved.tables.size


def _inside(igvm: Igvm, ram: tuple[Range, ...], wanted: Iterable[Range]) -> None:
    """Everything lies in memory, and what is asked for is there."""
    for gpa, size in wanted:
        if not any(start <= gpa and gpa + size <= start + length for start, length in ram):
            raise PlatformError(
                f"{igvm.path}: needs memory at {gpa:#x} to {gpa + size:#x}, and there is "
                f"{', '.join(f'{start:#x} to {start + length:#x}' for start, length in ram)}: "
                "raise --memory, or give a platform file with another base"
            )


def _apart(igvm: Igvm, placed: Pieces) -> None:
    """What was moved lies on nothing that was not."""
    end = 0
    for gpa, data in sorted(placed):
        if gpa < end:
            raise ImageError(f"{igvm.path}: moved, two of its pages lie at {gpa:#x}")
        end = gpa + len(data)


def _ranges(placed: Pieces) -> tuple[Range, ...]:
    """Ascending ranges without gaps in them."""
    found: list[Range] = []
    for gpa, data in sorted(placed):
        if found and gpa == sum(found[-1]):
            found[-1] = found[-1][0], found[-1][1] + len(data)
        else:
            found.append((gpa, len(data)))
    return tuple(found)


def _regions(igvm: Igvm, laid: _Laid) -> tuple[Region, ...]:
    """Names for people."""
    found = []
    for gpa, data in laid.pages:
        name = "reset page" if gpa == RESET_PAGE else "pages"
        if laid.moved.tables is not None and gpa == laid.moved.tables.base:
            name = "page tables, rebuilt"
        found.append(Region(name, gpa, len(data)))
    found += [Region("shared pages", gpa, len(data)) for gpa, data in laid.shared]
    inserts = (one for one in igvm.on(laid.launch) if isinstance(one, kinds.ParameterInsert))
    for one, (gpa, data) in zip(inserts, laid.areas, strict=True):
        found.append(Region(f"parameter area {one.index}", gpa, len(data)))
    return tuple(found)


def names_beside(image: Image, platform: Platform) -> tuple[str, ...]:
    """ELF files in the same folder whose code is in the file: they have its names. Of several
    that begin alike, that of which most is there."""
    igvm = parse_igvm(image.path, image.data)
    pages = _pages(igvm, _launch(igvm, platform), Relocation())
    found: dict[int, tuple[int, str]] = {}
    with suppress(OSError), os.scandir(image.path.parent) as entries:
        for entry in sorted(islice(entries, _BESIDE_MAX), key=lambda one: one.name):
            if entry.name.endswith(".elf") and entry.is_file():
                with suppress(ImageError):
                    one = placed(load_image(entry.path), pages)
                    mine = _alike(one, pages), entry.path
                    begins = one.image.entry + one.bias
                    found[begins] = max(mine, found.get(begins, mine), key=lambda pair: pair[0])
    return tuple(sorted(path for _, path in found.values()))


def _alike(one: Placed, pages: Pieces) -> int:
    """How many bytes of an image are in the file where it lies, by pages that agree."""
    count = 0
    for segment in one.image.segments:
        at = segment.address + one.bias
        for gpa, data in pages:
            end = min(gpa + len(data), at + len(segment.data))
            for page in range(max(gpa, at), end, PAGE_BYTES):
                last = min(page + PAGE_BYTES, end)
                agree = data[page - gpa : last - gpa] == segment.data[page - at : last - at]
                count += (last - page) * agree
    return count


def chosen(image: Image) -> str:
    """The packaged platform that a file is for: one of VBS that may move is for no isolation
    (openvmm, `vm/loader/src/paravisor.rs`: no other has relocation headers)."""
    igvm = parse_igvm(image.path, image.data)
    by_kind = {one.kind: one for one in igvm.platforms}
    if kinds.TDX in by_kind or not by_kind.keys() & {0, kinds.VBS}:
        return "tdx"
    vbs = by_kind.get(kinds.VBS)
    if vbs is None or any(isinstance(one, kinds.RelocatableRegion) for one in igvm.on(vbs)):
        return "none"
    return "vbs"


def placed(image: Image, pages: Pieces) -> Placed:
    """Where in memory an image lies whose symbols are wanted: the code of its entry says so."""
    for segment in image.segments:
        first = image.entry - segment.address
        code = segment.data[first : first + _CODE_BYTES] if first >= 0 else b""
        for gpa, data in pages if code else ():
            at = data.find(code)
            while at >= 0 and (gpa + at - image.entry) % PAGE_BYTES:
                at = data.find(code, at + 1)
            if at >= 0:
                return Placed(image.path.name, image, gpa + at - image.entry)
    raise ImageError(f"{image.path}: its code is nowhere in the IGVM file")


CONTRACT: Final = Contract(
    "igvm", "an IGVM file, which says itself what lies where", recognise, lay_out,
    takes=("host_dtb", "symbols", "cmdline", "igvm_base"), hands_over=False,
    names_beside=names_beside, chosen=chosen,
)  # fmt: skip
