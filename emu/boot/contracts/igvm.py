"""An IGVM file: it says itself what lies where, and how the first CPU begins.

Source: microsoft/igvm, `igvm_defs/src/lib.rs`; openvmm,
`openvmm/openvmm_core/src/worker/vm_loaders/igvm.rs` (what a loader does with each header).
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.dtb import host_tree
from emu.boot.entry import RESET_VECTOR, EntryState
from emu.boot.image import Image, ImageSegment, Placed
from emu.boot.layout import BootLayout, Region, banks
from emu.boot.lines import LineTable
from emu.boot.parameters import Range
from emu.boot.platform import Platform
from emu.boot.structs import structs_of
from emu.boot.symbols import SymbolMap
from emu.errors import ImageError, PlatformError
from emu.hw.address import PAGE_BYTES, RESET_PAGE
from emu.igvm import headers as kinds
from emu.igvm.contexts import InitialRegister, values
from emu.igvm.file import MAGIC, Igvm, parse_igvm
from emu.igvm.headers import LaunchPlatform

_LAUNCHES: Final = {
    "tdx": (kinds.TDX,), "vbs": (kinds.VBS,), "none": (0, kinds.VBS),
}  # fmt: skip
"""Isolation of a platform -> the platforms of a file that fit, the best one first: files for
no isolation name VBS (openvmm, `vm/loader/manifests`)."""
_WORDS: Final = ("rip", "rsi", "rsp", "cr0", "cr3", "cr4", "efer")
_DATA: Final = ("ds", "es", "fs", "gs", "ss")
_TABLES: Final = (*_DATA, "cs", "tr", "gdtr", "idtr")
_DEFAULTS: Final = {"pat": 0x0007_0406_0007_0406, "rflags": 2}
"""What is not 0 after reset, of what an entry of ours has no word for (SDM 3, 12.12.4)."""
_CODE_BYTES: Final = 64
"""So many bytes of an image's entry say where in memory it lies."""
_EXECUTE: Final = 1
_MAP_ENTRY: Final = struct.Struct("<QQHHI")

Pieces = tuple[tuple[int, bytes], ...]
"""(GPA, bytes) of what lies in memory."""


def recognise(image: Image) -> bool:
    """Whether it is one."""
    return image.data[:4] == MAGIC


def image_of(path: Path, data: bytes) -> Image:
    """The file as an image: its pages by address, without a symbol; raises ImageError."""
    igvm = parse_igvm(path, data)
    segments = tuple(
        ImageSegment(gpa, pages, len(pages), _EXECUTE) for gpa, pages in _pages(igvm, None)
    )
    if not segments:
        raise ImageError(f"{path}: lays no page into memory")
    return Image(path, "executable", 0, segments, (), data)


def lay_out(loaded: Loaded) -> BootLayout:
    """What the file says for the platform; raises ImageError or PlatformError."""
    platform, path = loaded.platform, loaded.image.path
    igvm = parse_igvm(path, loaded.image.data)
    launch = _launch(igvm, platform)
    memory = platform.memory_base, platform.memory_bytes
    ram = banks(platform, memory)
    tree = loaded.host_dtb
    if tree is None:
        tree = host_tree(
            platform, ram=ram, vtl2_start=memory[0], vtl2_bytes=memory[1], bootargs=""
        )
    pages = tuple(_pages(igvm, launch))
    areas, tree_at = _areas(igvm, launch, _host_values(platform, ram, tree))
    shared = tuple(_pages(igvm, launch, shared=True))
    _inside(igvm, launch, ram, (*pages, *areas, *shared))
    images = tuple(placed(image, pages) for image in loaded.symbols)
    return BootLayout(
        name=path.name, ram=ram, accepted=_ranges((*pages, *areas)), chunks=(*pages, *areas),
        shared=shared, entry=_entry(igvm, launch), regions=_regions(igvm, launch),
        placed=images, symbols=SymbolMap(images), lines=LineTable(images),
        structs=structs_of(images[0].image if images else loaded.image),
        host_dtb_gpa=tree_at,
        mailbox_gpa=RESET_PAGE if platform.start == "reset-vector" else None,
    )  # fmt: skip


def _launch(igvm: Igvm, platform: Platform) -> LaunchPlatform:
    """The platform of the file that is meant by ours."""
    by_kind = {one.kind: one for one in igvm.platforms}
    for kind in _LAUNCHES[platform.isolation]:
        if kind in by_kind:
            return by_kind[kind]
    names = ", ".join(one.name for one in igvm.platforms)
    raise ImageError(f"{igvm.path}: is for {names}, not for platform {platform.name}")


def _pages(
    igvm: Igvm, launch: LaunchPlatform | None, *, shared: bool = False
) -> Iterator[tuple[int, bytes]]:
    """(GPA, bytes) of the pages that are the guest's own, or those it shares with the host;
    what lies behind each other is one piece. No platform: those of all."""
    begin, pieces = 0, list[bytes]()
    for one in igvm.headers if launch is None else igvm.on(launch):
        if not isinstance(one, kinds.PageData) or bool(one.flags & kinds.SHARED) != shared:
            continue
        if pieces and one.gpa != begin + PAGE_BYTES * len(pieces):
            yield begin, b"".join(pieces)
            pieces = []
        if not pieces:
            begin = one.gpa
        pieces.append(igvm.data(one.file_offset, PAGE_BYTES))
    if pieces:
        yield begin, b"".join(pieces)


def _host_values(
    platform: Platform, ram: tuple[Range, ...], tree: bytes
) -> dict[type[kinds.HostParameter], bytes]:
    """What the host writes for each parameter that it knows; it gives no ACPI table."""
    entries = [_MAP_ENTRY.pack(gpa >> 12, size >> 12, 0, 0, 0) for gpa, size in sorted(ram)]
    return {
        kinds.DeviceTree: tree,
        kinds.VpCount: struct.pack("<I", platform.cpus),
        kinds.MemoryMap: b"".join((*entries, _MAP_ENTRY.pack(0, 0, 0, 0, 0))),
        kinds.CommandLine: b"\0",
        kinds.EnvironmentInfo: struct.pack("<I", 0),
    }


def _areas(
    igvm: Igvm, launch: LaunchPlatform, given: dict[type[kinds.HostParameter], bytes]
) -> tuple[Pieces, int | None]:
    """((GPA, bytes) of the areas as they are laid down, where the device tree lies)."""
    areas: dict[int, bytearray] = {}
    trees: dict[int, int] = {}
    laid: list[tuple[int, bytes]] = []
    tree_at = None
    for one in igvm.on(launch):
        match one:
            case kinds.ParameterArea():
                areas[one.index] = bytearray(igvm.data(one.file_offset, one.size))
            case kinds.HostParameter():
                area, value = areas[one.index], given.get(type(one), b"")
                if one.byte_offset + len(value) > len(area):
                    raise PlatformError(
                        f"{igvm.path}: {one.NAME} at {one.at:#x}: {len(value):,} bytes do not "
                        f"fit into area {one.index} at {one.byte_offset:#x}"
                    )
                area[one.byte_offset : one.byte_offset + len(value)] = value
                if isinstance(one, kinds.DeviceTree):
                    trees[one.index] = one.byte_offset
            case kinds.ParameterInsert():
                laid.append((one.gpa, bytes(areas[one.index])))
                if one.index in trees:
                    tree_at = one.gpa + trees[one.index]
    return tuple(laid), tree_at


def _inside(igvm: Igvm, launch: LaunchPlatform, ram: tuple[Range, ...], placed: Pieces) -> None:
    """Everything lies in memory, and what is asked for is there."""
    wanted = [(gpa, len(data)) for gpa, data in placed]
    wanted += [
        (one.gpa, one.size) for one in igvm.on(launch) if isinstance(one, kinds.RequiredMemory)
    ]
    for gpa, size in wanted:
        if not any(start <= gpa and gpa + size <= start + length for start, length in ram):
            raise PlatformError(
                f"{igvm.path}: needs memory at {gpa:#x} to {gpa + size:#x}, and there is "
                f"{', '.join(f'{start:#x} to {start + length:#x}' for start, length in ram)}: "
                "raise --memory, or give a platform file with another base"
            )


def _ranges(placed: Pieces) -> tuple[Range, ...]:
    """Ascending ranges without gaps in them."""
    found: list[Range] = []
    for gpa, data in sorted(placed):
        if found and gpa == sum(found[-1]):
            found[-1] = found[-1][0], found[-1][1] + len(data)
        else:
            found.append((gpa, len(data)))
    return tuple(found)


def _regions(igvm: Igvm, launch: LaunchPlatform) -> tuple[Region, ...]:
    """Names for people."""
    found = []
    for gpa, data in _pages(igvm, launch):
        name = "reset page" if gpa == RESET_PAGE else "pages"
        found.append(Region(name, gpa, len(data)))
    found += [Region("shared pages", at, len(b)) for at, b in _pages(igvm, launch, shared=True)]
    sizes = {o.index: o.size for o in igvm.on(launch) if isinstance(o, kinds.ParameterArea)}
    for one in igvm.on(launch):
        if isinstance(one, kinds.ParameterInsert):
            found.append(Region(f"parameter area {one.index}", one.gpa, sizes[one.index]))
    return tuple(found)


def _entry(igvm: Igvm, launch: LaunchPlatform) -> EntryState:
    """How the first CPU begins."""
    if launch.kind == kinds.TDX:
        return RESET_VECTOR
    contexts = (one for one in igvm.on(launch) if isinstance(one, kinds.InitialContext))
    context = next(contexts, None)
    if context is None:
        raise ImageError(f"{igvm.path}: no VP_CONTEXT says where its first CPU begins")
    found = {one.name: one for one in values(igvm, launch, context)}
    where = f"{igvm.path}: {context.NAME} at {context.at:#x}"
    for name, one in found.items():
        ours = _DEFAULTS.get(name, 0)
        if name not in (*_WORDS, *_TABLES) and one.value != ours:
            raise ImageError(f"{where}: apdbg begins with {name} = {ours:#x}, not {one.text}")
    words: dict[str, Any] = {name: found[name].value if name in found else 0 for name in _WORDS}
    selectors = {_selector(found, name) for name in _DATA if name in found}
    if len(selectors) > 1:
        raise ImageError(f"{where}: apdbg begins with one selector in DS, ES, FS, GS and SS")
    gdt_limit, gdt_base = _table(found, "gdtr")
    idt_limit, idt_base = _table(found, "idtr")
    return EntryState(
        "long", gdt_base=gdt_base, gdt_limit=gdt_limit, idt_base=idt_base, idt_limit=idt_limit,
        code_selector=_selector(found, "cs"), data_selector=next(iter(selectors), 0), **words,
    )  # fmt: skip


def _selector(found: dict[str, InitialRegister], name: str) -> int:
    return found[name].segment[2] if name in found else 0


def _table(found: dict[str, InitialRegister], name: str) -> tuple[int, int]:
    """(limit, base)."""
    return found[name].table if name in found else (0, 0)


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
    takes=("host_dtb", "symbols"), hands_over=False,
)  # fmt: skip
