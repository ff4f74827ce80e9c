"""What lies in guest memory before the first instruction, as openhcl_boot's loader leaves it.

Source: openvmm, `vm/loader/src/paravisor.rs` (order of regions), `loader_defs/src/{shim,
paravisor}.rs` (parameters). All addresses are GPAs; the guest's tables map them identically.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final, Literal

from emu.boot.dtb import host_tree
from emu.boot.image import Image, Placed, SymbolMap
from emu.boot.lines import Lines
from emu.boot.pagetables import TABLE_PAGES_MAX, identity_tables
from emu.boot.platform import Platform
from emu.boot.structs import Structs
from emu.errors import ImageError, PlatformError
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, RESET_PAGE, align_up

COMMAND_LINE_MAX: Final = 4092
INITRD_MAX: Final = 512 << 20
_PERSISTED: Final = LARGE_BYTES
_RESERVED_PAGES: Final = 4
_PARAMETER_PAGES: Final = 362
_TREE_OFFSET, _TREE_BYTES = 0x28000, 0x40000
_IMPORTED_OFFSET: Final = 0x68000
_IMPORTED_FIRST: Final = 48
_LOG_BYTES: Final = 2 * PAGE_BYTES
_HEAP_BYTES: Final = 16 * PAGE_BYTES
_ISOLATION_TYPE: Final = {"none": 1, "vbs": 1, "tdx": 3}
_CODE_SELECTOR, _DATA_SELECTOR = 0x10, 0x18
_GDT: Final = struct.pack("<4Q", 0, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF)
_STUB: Final = b"\xf4\xeb\xfd"
"""hlt; jmp: what stands in for a kernel when there is none."""
_CR0: Final = 1 << 31 | 1 << 5 | 1
_CR4: Final = 1 << 18 | 1 << 6 | 1 << 5
_EFER: Final = 0xD00

_TRAMPOLINE_GDTR_LIMIT: Final = 0x36
_TRAMPOLINE_BYTES: Final = 0x98


@dataclass(frozen=True, slots=True)
class EntryState:
    """How the BSP begins: at the reset vector, or in long mode at the shim's entry."""

    kind: Literal["reset-vector", "long"]
    rip: int
    rsi: int
    """Offset of the shim parameters from the shim's base (ShimParamsRaw)."""
    cr0: int
    cr3: int
    cr4: int
    efer: int
    gdt_base: int
    gdt_limit: int
    code_selector: int
    data_selector: int


@dataclass(frozen=True, slots=True)
class Region:
    """A range of guest memory with a name for people."""

    name: str
    gpa: int
    size: int


@dataclass(frozen=True, slots=True)
class BootLayout:
    """Everything the machine needs to begin."""

    name: str
    ram: tuple[tuple[int, int], ...]
    """(GPA, bytes) of all memory there is."""
    accepted: tuple[tuple[int, int], ...]
    """(GPA, bytes) of what the loader imported as accepted."""
    chunks: tuple[tuple[int, bytes], ...]
    """What to write where."""
    entry: EntryState
    regions: tuple[Region, ...]
    placed: tuple[Placed, ...]
    symbols: SymbolMap
    lines: Lines
    structs: Structs
    mailbox_gpa: int | None
    """Known beforehand only where the reset page is the mailbox."""


class _Builder:
    """Lays regions one after the other from the base of memory."""

    def __init__(self, base: int) -> None:
        self.next = base
        self.regions: list[Region] = []
        self.chunks: list[tuple[int, bytes]] = []

    def take(self, name: str, size: int, alignment: int = PAGE_BYTES) -> int:
        """A range for a region of `size` bytes, rounded up to pages."""
        gpa = align_up(self.next, alignment)
        self.next = gpa + align_up(size, PAGE_BYTES)
        self.regions.append(Region(name, gpa, align_up(size, PAGE_BYTES)))
        return gpa

    def place(self, name: str, data: bytes, size: int = 0, alignment: int = PAGE_BYTES) -> int:
        """A region with content; `size` where it is larger than its content."""
        gpa = self.take(name, max(len(data), size, 1), alignment)
        self.chunks.append((gpa, data))
        return gpa


def build_layout(
    shim: Image,
    kernel: Image | None,
    reset: Image | None,
    platform: Platform,
    *,
    initrd: bytes = b"",
    cmdline: str = "",
    host_dtb: bytes | None = None,
) -> BootLayout:
    """Place everything; raises ImageError or PlatformError where it does not fit."""
    text = cmdline.encode()
    if len(text) > COMMAND_LINE_MAX:
        raise PlatformError(f"--cmdline: {len(text)} bytes, at most {COMMAND_LINE_MAX} fit")
    memory = _memory(shim, platform)
    base = memory[0]
    at_reset = platform.start == "reset-vector"
    if at_reset and reset is None:
        raise PlatformError(f"platform {platform.name}: it starts at the reset vector, and there "
                            "is no reset page to put there")  # fmt: skip
    build = _Builder(base)
    build.take("persisted state", _PERSISTED)
    bounce = build.take("bounce buffer", LARGE_BYTES) if platform.isolation == "tdx" else 0
    imported_from = build.next
    kernel_bias, kernel_entry = _place_kernel(build, kernel)
    shim_bias = _place_shim(build, shim)
    shim_base = shim.first + shim_bias
    initrd_gpa = build.place("initrd", initrd) if initrd else build.next
    gdt = build.place("GDT", _GDT)
    parameters = build.take("shim parameters", PAGE_BYTES)
    line = build.place("command line", struct.pack("<HH", 0, len(text)) + text)
    reserved = build.take("reserved", _RESERVED_PAGES * PAGE_BYTES)
    region = build.take("parameter region", _PARAMETER_PAGES * PAGE_BYTES)
    log = build.take("log", _LOG_BYTES)
    heap = build.take("heap", _HEAP_BYTES)
    tables = build.take("page tables", TABLE_PAGES_MAX * PAGE_BYTES)
    used_end = align_up(build.next, LARGE_BYTES)
    end = memory[0] + memory[1]
    if used_end + LARGE_BYTES > end:
        raise PlatformError(
            f"{memory[1] >> 20} MiB of memory are not enough: the images need "
            f"{(used_end - base) >> 20} MiB and the shim as much again: raise --memory"
        )
    low = platform.low_memory_bytes if base else 0
    maps = ((0, LARGE_BYTES),) if low else ()
    build.chunks.append((tables, identity_tables(
        tables, (*maps, memory), local_map=at_reset, reset_page=at_reset,
    )))  # fmt: skip
    imported = [(imported_from, used_end - imported_from)]
    imported += [(RESET_PAGE, PAGE_BYTES)] if at_reset else []
    raw = struct.pack(
        "<qqqQIIqQqQqQqQqqqqQqQqQqQ",
        kernel_entry - shim_base, line - shim_base, initrd_gpa - shim_base, len(initrd),
        zlib.crc32(initrd), _ISOLATION_TYPE[platform.isolation], base - shim_base, memory[1],
        region - shim_base, _PARAMETER_PAGES * PAGE_BYTES, reserved - shim_base,
        _RESERVED_PAGES * PAGE_BYTES, 0, 0, 0, base - shim_base, used_end - shim_base,
        bounce - shim_base if bounce else 0, LARGE_BYTES if bounce else 0, log - shim_base,
        _LOG_BYTES, heap - shim_base, _HEAP_BYTES, base - shim_base, _PERSISTED,
    )  # fmt: skip
    build.chunks.append((parameters, raw))
    ram = (
        *(((0, low),) if low else ()),
        memory,
        *(((RESET_PAGE, PAGE_BYTES),) if at_reset else ()),
    )
    tree = host_dtb
    if tree is None:
        tree = host_tree(
            platform, ram=ram, vtl2_start=base, vtl2_bytes=memory[1], bootargs="",
        )  # fmt: skip
    if len(tree) > _TREE_BYTES:
        raise PlatformError(
            f"the host device tree has {len(tree):,} bytes, {_TREE_BYTES:,} fit"
        )
    build.chunks.append((region + _TREE_OFFSET, tree))
    build.chunks.append((region + _IMPORTED_OFFSET + _IMPORTED_FIRST, _imported(imported)))
    placed = [Placed("shim", shim, shim_bias)]
    if kernel is not None:
        placed.append(Placed("kernel", kernel, kernel_bias))
    entry = EntryState(
        "long", shim.entry + shim_bias, parameters - shim_base, _CR0, tables, _CR4, _EFER, gdt,
        len(_GDT) - 1, _CODE_SELECTOR, _DATA_SELECTOR,
    )  # fmt: skip
    if at_reset and reset is not None:
        placed.append(Placed("reset", reset, 0))
        build.chunks += _reset_page(reset, entry)
        build.regions.append(Region("reset page", RESET_PAGE, PAGE_BYTES))
        entry = EntryState("reset-vector", 0xFFFFFFF0, 0, 0x21, 0, 0x40, 0x900, 0, 0, 0, 0)
    images = tuple(placed)
    return BootLayout(
        name=shim.path.name,
        ram=ram,
        accepted=tuple(imported),
        chunks=tuple(build.chunks),
        entry=entry,
        regions=tuple(build.regions),
        placed=images,
        symbols=SymbolMap(images),
        lines=Lines(images),
        structs=Structs(shim),
        mailbox_gpa=RESET_PAGE if at_reset else None,
    )


def _memory(shim: Image, platform: Platform) -> tuple[int, int]:
    """(base, bytes) of the paravisor's memory; an image linked below it moves it to 0."""
    base, size = platform.memory_base, platform.memory_bytes
    if shim.kind == "pie" or base <= shim.first < base + size:
        return base, size
    if shim.first < base:
        return 0, size
    raise ImageError(f"{shim.path}: is linked at {shim.first:#x}, outside memory "
                     f"({base:#x} to {base + size:#x})")  # fmt: skip


def _place_kernel(build: _Builder, kernel: Image | None) -> tuple[int, int]:
    """(bias, entry) of the kernel, which stands before the shim."""
    if kernel is None:
        entry = build.place("kernel stub", _STUB, alignment=LARGE_BYTES)
        return 0, entry
    if kernel.kind == "executable":
        raise ImageError(f"{kernel.path}: a kernel must be position independent")
    base = build.take("kernel", kernel.size, LARGE_BYTES)
    bias = base - kernel.first
    build.chunks += [(s.address + bias, s.data) for s in kernel.segments if s.data]
    return bias, kernel.entry + bias


def _place_shim(build: _Builder, shim: Image) -> int:
    """The shim's bias: a PIE goes to the next 2 MiB, an executable stays where it is linked."""
    if shim.kind == "executable":
        if shim.first < build.next:
            raise ImageError(f"{shim.path}: is linked at {shim.first:#x}, where the loader needs "
                             f"memory up to {build.next:#x}")  # fmt: skip
        build.next = shim.first
        build.take("shim", shim.size)
        bias = 0
    else:
        bias = build.take("shim", shim.size, LARGE_BYTES) - shim.first
    build.chunks += [(s.address + bias, s.data) for s in shim.segments if s.data]
    return bias


def _imported(ranges: list[tuple[int, int]]) -> bytes:
    """Descriptors of the imported-regions page: base page, page count, accepted."""
    return b"".join(
        struct.pack("<QQB7x", gpa // PAGE_BYTES, size // PAGE_BYTES, 1) for gpa, size in ranges
    )


def _reset_page(reset: Image, entry: EntryState) -> list[tuple[int, bytes]]:
    """The reset page with its trampoline context filled in for the BSP (facts 1.7)."""
    page = bytearray(PAGE_BYTES)
    for segment in reset.segments:
        if segment.address < RESET_PAGE or segment.memory_bytes > PAGE_BYTES:
            raise ImageError(f"{reset.path}: a reset page lies at {RESET_PAGE:#x}, not at "
                             f"{segment.address:#x}")  # fmt: skip
        offset = segment.address - RESET_PAGE
        page[offset : offset + len(segment.data)] = segment.data
    struct.pack_into("<HH", page, 0x14, entry.data_selector, 0xF)
    struct.pack_into("<I", page, 0x18, RESET_PAGE + 0x98)
    struct.pack_into("<HH", page, 0x1C, 0, 0)
    struct.pack_into("<QQ", page, 0x20, 0, entry.rip)
    struct.pack_into(
        "<HHHHQ", page, 0x30, entry.code_selector, 0, 0, entry.gdt_limit, entry.gdt_base
    )
    struct.pack_into("<QQQ", page, 0x40, 0, 0, entry.rsi)
    struct.pack_into("<QQQI", page, 0x78, entry.cr0, entry.cr3, entry.cr4, entry.cr3)
    return [(RESET_PAGE, bytes(page))]
