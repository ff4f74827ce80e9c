"""What lies in guest memory before the first instruction, as openhcl_boot's loader leaves it.

Source: openvmm, `vm/loader/src/paravisor.rs` (order of regions), `loader_defs/src/{shim,
paravisor}.rs` (parameters). All addresses are GPAs; the guest's tables map them identically.
"""

import zlib
from typing import Final

from msgspec.structs import replace

from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.dtb import host_tree
from emu.boot.entry import RESET_VECTOR, EntryState, long_mode
from emu.boot.image import Image, Placed
from emu.boot.imported import imported_regions, left_shared, told
from emu.boot.layout import GDT, BootLayout, Builder, Region, banks, memory_for
from emu.boot.lines import LineTable
from emu.boot.linux import behind
from emu.boot.openhcl_host import POLICIES
from emu.boot.pagetables import TABLE_PAGES_MAX, identity_tables
from emu.boot.parameters import (
    COMMAND_LINE_MAX,
    Range,
    ShimParameters,
    command_line_page,
)
from emu.boot.platform import Platform
from emu.boot.reset_page import reset_page
from emu.boot.structs import structs_of
from emu.boot.symbols import SymbolMap
from emu.errors import ImageError, PlatformError
from emu.hw.address import ENCRYPTION_BIT, LARGE_BYTES, PAGE_BYTES, RESET_PAGE, align_up

_RESERVED_BYTES: Final = 4 * PAGE_BYTES
_PARAMETER_BYTES: Final = 362 * PAGE_BYTES
_TREE_OFFSET, _TREE_BYTES = 0x28000, 0x40000
_LOG_BYTES: Final = 2 * PAGE_BYTES
_HEAP_BYTES: Final = 16 * PAGE_BYTES
_ISOLATION_TYPE: Final = {"none": 1, "vbs": 1, "snp": 2, "tdx": 3}
_STUB: Final = b"\xf4\xeb\xfd"
"""hlt; jmp: what stands in for a kernel when there is none."""


def lay_out(loaded: Loaded) -> BootLayout:
    """Place everything; raises ImageError or PlatformError where it does not fit."""
    shim, kernel = loaded.image, loaded.kernel
    linux = behind.is_linux(kernel)
    if linux:
        loaded = replace(loaded, platform=behind.with_low_memory(loaded.platform))
    platform, host_dtb = loaded.platform, loaded.host_dtb
    at_reset = platform.start == "reset-vector"
    memory = memory_for(shim, platform)
    ram = banks(platform, memory)
    tree = _tree(loaded, ram, memory) if host_dtb is None else host_dtb
    if len(tree) > _TREE_BYTES:
        raise PlatformError(f"host device tree: {len(tree):,} bytes, {_TREE_BYTES:,} fit")
    build = Builder(memory[0])
    images, parameters = _used(build, loaded, memory)
    used_end = sum(parameters.used)
    if used_end + LARGE_BYTES > sum(memory):
        raise PlatformError(
            f"{memory[1] >> 20:,} MiB of memory are not enough: the loader needs "
            f"{parameters.used[1] >> 20:,} MiB and the shim 2 MiB more: raise --memory"
        )
    shared = left_shared(build, platform)
    imported = imported_regions(
        parameters, shared, (RESET_PAGE, PAGE_BYTES) if at_reset else None
    )
    region = parameters.parameter_region[0]
    build.chunks.append((region + _TREE_OFFSET, tree))
    build.chunks += told(platform, region, imported, shared)
    low = (behind.tables(build, images, platform, loaded.cmdline),) if linux else ()
    entry = _finish(build, images[0], platform, memory, parameters)
    if at_reset:
        images = (*images, _place_reset_page(build, loaded, entry))
        entry = RESET_VECTOR
    more = (Placed("symbols", one, 0) for one in loaded.symbols)
    images = (*map(behind.as_it_runs, images), *more)
    return BootLayout(
        name=shim.path.name,
        ram=ram,
        accepted=(*low, *(extent for extent, accepted in imported if accepted)),
        chunks=tuple(build.chunks),
        shared=shared,
        entry=entry,
        regions=tuple(build.regions),
        placed=images,
        symbols=SymbolMap(images),
        lines=LineTable(images),
        structs=structs_of(shim),
        host_dtb_gpa=region + _TREE_OFFSET,
        mailbox_gpa=RESET_PAGE if at_reset else None,
        os_entry=None if kernel is None else parameters.kernel_entry,
        x2apic=linux and (platform.hyperv or platform.kvm),
        open_bus=linux,
    )


def _place_reset_page(build: Builder, loaded: Loaded, entry: EntryState) -> Placed:
    """The page that every CPU of a TD begins in; raises PlatformError."""
    reset = loaded.reset
    if reset is None:
        raise PlatformError(
            f"platform {loaded.platform.name}: it starts at the reset vector, and no reset "
            "page is there"
        )
    build.chunks.append((RESET_PAGE, reset_page(reset, entry)))
    build.regions.append(Region("reset page", RESET_PAGE, PAGE_BYTES))
    return Placed("reset", reset, 0)


def _tree(loaded: Loaded, ram: tuple[Range, ...], memory: Range) -> bytes:
    return host_tree(
        loaded.platform, ram=ram, vtl2_start=memory[0], vtl2_bytes=memory[1], bootargs="",
        seed=loaded.seed,
    )  # fmt: skip


def _text(cmdline: str) -> bytes:
    """The command line as bytes; raises PlatformError."""
    try:
        text = cmdline.encode()
    except UnicodeEncodeError:
        raise PlatformError("--cmdline: is no UTF-8 text") from None
    if len(text) > COMMAND_LINE_MAX:
        raise PlatformError(f"--cmdline: {len(text):,} bytes, {COMMAND_LINE_MAX:,} fit")
    return text


def _used(
    build: Builder, loaded: Loaded, memory: Range
) -> tuple[tuple[Placed, ...], ShimParameters]:
    """Lay out all that the loader uses: a PIE stands after the kernel, an executable where it
    is linked, with everything else behind it. Returns (shim and kernel, parameters)."""
    shim, platform, initrd = loaded.image, loaded.platform, loaded.initrd
    fixed = build.load("shim", shim, shim.first) if shim.kind == "executable" else None
    persisted = _persisted(build, loaded)
    isolated = platform.isolation in ("tdx", "snp")
    bounce = build.take("bounce buffer", LARGE_BYTES) if isolated else (0, 0)
    placed_kernel, kernel_entry = _place_kernel(build, loaded.kernel)
    sidecar = _place_sidecar(build, loaded.sidecar)
    placed = fixed or build.load("shim", shim, align_up(build.next, LARGE_BYTES))
    ramdisk = (build.place("initrd", initrd), len(initrd)) if initrd else (0, 0)
    build.place("GDT", GDT)
    build.take("shim parameters", PAGE_BYTES)
    text = _text(_line(loaded, placed_kernel))
    line = build.place("command line", command_line_page(text, _policy(platform)))
    reserved = build.take("reserved", _RESERVED_BYTES)
    region = build.take("parameter region", _PARAMETER_BYTES)
    log = build.take("log", _LOG_BYTES)
    heap = build.take("heap", _HEAP_BYTES)
    build.take("page tables", TABLE_PAGES_MAX * PAGE_BYTES)
    end = align_up(build.next, LARGE_BYTES)
    images = tuple(one for one in (placed, placed_kernel, sidecar) if one)
    return images, ShimParameters(
        kernel_entry=kernel_entry, command_line=line, initrd=ramdisk,
        initrd_crc=zlib.crc32(initrd), isolation_type=_ISOLATION_TYPE[platform.isolation],
        memory=memory, parameter_region=region, reserved=reserved,
        used=(memory[0], end - memory[0]), bounce=bounce, log=log, heap=heap,
        persisted=persisted,
        sidecar=(sidecar.start, sidecar.image.size) if sidecar else (0, 0),
        sidecar_entry=sidecar.image.entry + sidecar.bias if sidecar else 0,
    )  # fmt: skip


def _policy(platform: Platform) -> int:
    return POLICIES.index(platform.openhcl.command_line_policy)


def _persisted(build: Builder, loaded: Loaded) -> Range:
    """What an earlier run has left, or zeros; raises PlatformError."""
    extent = build.take("persisted state", LARGE_BYTES, LARGE_BYTES)
    kept, platform = loaded.persisted, loaded.platform
    if kept and platform.isolation != "none":
        raise PlatformError(
            f"--persisted: on platform {platform.name} nothing is kept: isolated memory "
            "is accepted anew at each start"
        )
    if len(kept) > extent[1]:
        raise PlatformError(f"--persisted: {len(kept):,} bytes, {extent[1]:,} fit")
    if kept:
        build.chunks.append((extent[0], kept))
    return extent


def _place_sidecar(build: Builder, sidecar: Image | None) -> Placed | None:
    """The sidecar kernel at 2 MiB, if there is one."""
    if sidecar is None:
        return None
    if sidecar.kind == "executable":
        raise ImageError(f"{sidecar.path}: a sidecar must be position independent")
    return build.load("sidecar", sidecar, align_up(build.next, LARGE_BYTES))


def _line(loaded: Loaded, kernel: Placed | None) -> str:
    """The command line, before which a Linux kernel is told what the shim does not tell it."""
    if kernel is None or not behind.is_linux(kernel.image):
        return loaded.cmdline
    told = behind.words((kernel.start, kernel.image.size), loaded.platform)
    return f"{told} {loaded.cmdline}".rstrip()


def _place_kernel(build: Builder, kernel: Image | None) -> tuple[Placed | None, int]:
    """(the kernel, its entry); nobody relocates it but itself."""
    if kernel is None:
        return None, build.place("kernel stub", _STUB, LARGE_BYTES)
    if behind.is_linux(kernel):
        return behind.place(build, kernel)
    if kernel.kind == "executable":
        raise ImageError(f"{kernel.path}: a kernel must be position independent")
    placed = build.load("kernel", kernel, align_up(build.next, LARGE_BYTES))
    return placed, kernel.entry + placed.bias


def _finish(
    build: Builder, shim: Placed, platform: Platform, memory: Range, parameters: ShimParameters
) -> EntryState:
    """Fill the parameter page and the page tables; how the shim is entered."""
    places = {region.name: region.gpa for region in build.regions}
    tables, page = places["page tables"], places["shim parameters"]
    at_reset = platform.start == "reset-vector"
    encrypted = ENCRYPTION_BIT if platform.isolation == "snp" else 0
    low = ((0, LARGE_BYTES),) if platform.low_memory_bytes and memory[0] else ()
    build.chunks.append((page, parameters.pack(shim.start)))
    build.chunks.append((
        tables,
        identity_tables(
            tables, (*low, memory), local_map=at_reset or bool(encrypted), reset_page=at_reset,
            encrypted=encrypted,
        ),
    ))  # fmt: skip
    return long_mode(
        shim.image.entry + shim.bias, page - shim.start, tables, places["GDT"], len(GDT)
    )


def _recognise(_: Image) -> bool:
    """Whatever is no other family's is taken for a shim."""
    return True


CONTRACT: Final = Contract(
    "openhcl",
    "a paravisor's boot shim with a kernel, as openvmm loads them",
    _recognise,
    lay_out,
    takes=(
        "kernel",
        "initrd",
        "cmdline",
        "host_dtb",
        "symbols",
        "sidecar",
        "reset",
        "persisted",
    ),
    resets=True,
)
