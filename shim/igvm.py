"""IGVM files: headers by name and fields, and the sample shim packed as one.

Source: microsoft/igvm, `igvm_defs/src/lib.rs`.
"""

import struct
import zlib
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from emu.boot.contracts import openhcl
from emu.boot.contracts.contract import Loaded
from emu.boot.image import load_image
from emu.boot.layout import BootLayout
from emu.boot.pagetables import TABLE_PAGES_MAX, identity_tables
from emu.boot.platform import platform_of, platform_text
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, RESET_PAGE, align_up

NATIVE, VBS, SNP, TDX = 0, 1, 2, 3
_MASK: Final = 1
_PLATFORMS: Final = (("tdx", TDX, 1), ("vbs", VBS, 2), ("none", NATIVE, 4))
"""Platform of ours, that of the file, and its bit."""
_HIGHEST: Final = 1 << 40
AREA_BYTES = 64 * PAGE_BYTES
"""Of the device tree (openvmm, `vm/loader/src/paravisor.rs`)."""


class File:
    """What becomes an IGVM file: `header` and `data` in any order, then `bytes`."""

    def __init__(self, version: int = 1, architecture: int = 0) -> None:
        self._version, self._architecture = version, architecture
        self._headers: list[tuple[int, bytes]] = []
        self._data = b""
        self._known: dict[bytes, int] = {}
        self._places: list[tuple[int, int, int]] = []

    def header(self, kind: int, payload: bytes, place: int = -1, data: bytes = b"") -> "File":
        """A header; `place`: where in it stands the offset of `data`, which is kept."""
        if data:
            if data not in self._known:  # equal pages of two platforms are one in the file
                self._known[data] = len(self._data)
                self._data += data
            self._places.append((len(self._headers), place, self._known[data]))
        self._headers.append((kind, payload))
        return self

    def platform(self, kind: int, mask: int = _MASK, vtl: int = 2, shared: int = 0) -> "File":
        """SUPPORTED_PLATFORM."""
        return self.header(0x001, struct.pack("<IBBHQ", mask, vtl, kind, 1, shared))

    def page(self, gpa: int, data: bytes = b"", flags: int = 0, kind: int = 0,
             mask: int = _MASK) -> "File":  # fmt: skip
        """PAGE_DATA; no data: a page of zeros."""
        payload = struct.pack("<QIIIHH", gpa, mask, 0, flags, kind, 0)
        return self.header(0x302, payload, 12, data.ljust(PAGE_BYTES, b"\0") if data else b"")

    def policy(self, policy: int, mask: int = _MASK) -> "File":
        """GUEST_POLICY."""
        return self.header(0x101, struct.pack("<QII", policy, mask, 0))

    def area(self, index: int, size: int) -> "File":
        """PARAMETER_AREA of zeros."""
        return self.header(0x301, struct.pack("<QII", size, index, 0))

    def tree_area(self) -> "File":
        """The area of the host's device tree: number 0."""
        return self.area(0, AREA_BYTES).header(0x312, struct.pack("<II", 0, 0))

    def insert(self, index: int, gpa: int, mask: int = _MASK) -> "File":
        """PARAMETER_INSERT."""
        return self.header(0x303, struct.pack("<QII", gpa, mask, index))

    def context(self, data: bytes, gpa: int = 0, mask: int = _MASK) -> "File":
        """VP_CONTEXT of CPU 0."""
        return self.header(0x304, struct.pack("<QIIHH", gpa, mask, 0, 0, 0), 12, data)

    def vbs_context(self, registers: dict[int, int], vtl: int = 2) -> "File":
        """VP_CONTEXT of numbers."""
        records = (
            struct.pack("<BI11xQ8x", vtl, number, value) for number, value in registers.items()
        )
        return self.context(struct.pack("<I", len(registers)) + b"".join(records))

    def bytes(self) -> bytes:
        """The file, whole."""
        fixed = 24 if self._version == 1 else 32
        every = [[kind, bytearray(payload)] for kind, payload in self._headers]
        size = sum(8 + align_up(len(payload), 8) for _, payload in self._headers)
        for index, place, offset in self._places:
            struct.pack_into("<I", every[index][1], place, fixed + size + offset)
        headers = b"".join(
            struct.pack("<II", kind, len(payload))
            + bytes(payload).ljust(align_up(len(payload), 8), b"\0")
            for kind, payload in every
        )
        total = fixed + size + len(self._data)
        head = struct.pack("<4sIIII", b"IGVM", self._version, fixed, size, total)
        rest = struct.pack("<II", self._architecture, PAGE_BYTES) if fixed == 32 else b""
        checksum = zlib.crc32(head + bytes(4) + rest + headers)
        return head + struct.pack("<I", checksum) + rest + headers + self._data


def memory_of(layout: BootLayout) -> dict[int, bytes]:
    """Every page that is accepted, by GPA."""
    pages = {
        gpa: bytearray(PAGE_BYTES)
        for start, size in layout.accepted
        for gpa in range(start, start + size, PAGE_BYTES)
    }
    for gpa, data in layout.chunks:
        for index, byte in enumerate(data):
            at = gpa + index
            pages[at & -PAGE_BYTES][at % PAGE_BYTES] = byte
    return {gpa: bytes(page) for gpa, page in pages.items()}


def context_of(layout: BootLayout) -> bytes:
    """The VBS context of a layout's entry: numbers, selectors, and the GDT."""
    begins = layout.entry
    numbers = {0x20010: begins.rip, 0x20006: begins.rsi, 0x40000: begins.cr0,
               0x40002: begins.cr3, 0x40003: begins.cr4, 0x80001: begins.efer,
               0x80004: 0x0007_0406_0007_0406}  # fmt: skip
    made = [(number, struct.pack("<Q8x", value)) for number, value in numbers.items()]
    code = struct.pack("<QIHH", 0, 0xFFFFFFFF, begins.code_selector, 0xA09B)
    data = struct.pack("<QIHH", 0, 0xFFFFFFFF, begins.data_selector, 0xC093)
    made += [(0x60001, code), (0x60007, struct.pack("<QIHH", 0, 0xFFFF, 0, 0x8B))]
    made += [(number, data) for number in (0x60000, 0x60002, 0x60003, 0x60004, 0x60005)]
    made.append((0x70001, struct.pack("<6xHQ", begins.gdt_limit, begins.gdt_base)))
    records = (struct.pack("<BI11s16s", 2, number, b"", raw) for number, raw in made)
    return struct.pack("<I", len(made)) + b"".join(records)


def native_context_of(layout: BootLayout) -> bytes:
    """The same as a native context: 232 bytes in a page."""
    begins, page = layout.entry, bytearray(PAGE_BYTES)
    words = {0x30: begins.rsi, 0x80: begins.rip, 0x88: 2, 0xC8: begins.cr0, 0xD0: begins.cr3,
             0xD8: begins.cr4, 0xE0: begins.efer}  # fmt: skip
    for at, value in words.items():
        struct.pack_into("<Q", page, at, value)
    struct.pack_into("<HQ", page, 0x9E, begins.gdt_limit, begins.gdt_base)
    struct.pack_into("<HHII", page, 0xA8, begins.code_selector, 0xA09B, 0, 0xFFFFFFFF)
    struct.pack_into("<HHII", page, 0xB4, begins.data_selector, 0xC093, 0, 0xFFFFFFFF)
    return bytes(page)


def packed(layout: BootLayout, kind: int) -> File:
    """A file for one platform; the host's device tree is left to whoever loads it."""
    file = File().platform(kind, shared=_shared(kind))
    return filled(file.tree_area(), layout, kind, _MASK)


def _shared(kind: int) -> int:
    return 1 << 47 if kind == TDX else 0


def filled(file: File, layout: BootLayout, kind: int, mask: int) -> File:
    """A file with one platform's directives; its area 0 is that of the device tree."""
    assert layout.host_dtb_gpa is not None
    if kind != TDX:
        made = context_of(layout) if kind == VBS else native_context_of(layout)
        file.context(made, mask=mask)
    file.insert(0, layout.host_dtb_gpa, mask=mask)
    area = range(layout.host_dtb_gpa, layout.host_dtb_gpa + AREA_BYTES)
    for gpa, data in sorted(memory_of(layout).items()):
        if gpa not in area:
            file.page(gpa, data if any(data) or gpa == RESET_PAGE else b"", mask=mask)
    return file


def for_three(images: Path) -> File:
    """The shim for TDX, for VBS and for no isolation."""
    file = File()
    for _, kind, mask in _PLATFORMS:
        file.platform(kind, mask, vtl=0 if kind == NATIVE else 2, shared=_shared(kind))
    file.tree_area()
    for name, kind, mask in _PLATFORMS:
        filled(file, layout_of(images, name), kind, mask)
    return file


def that_moves(images: Path) -> File:
    """The shim for no isolation, which may lie wherever there is memory of its size. Its page
    tables take the place of the persisted state, so that all the rest is one region."""
    layout = layout_of(images, "none")
    base, size = layout.ram[-1]
    tables = identity_tables(base, ((base, size),), local_map=False, reset_page=False)
    first = base + LARGE_BYTES
    file = File().platform(VBS)
    file.header(0x102, struct.pack("<IHBBQQQQQ", _MASK, 0, 2, 7, LARGE_BYTES, first,
                                   size - LARGE_BYTES, LARGE_BYTES, _HIGHEST))  # fmt: skip
    file.header(0x103, struct.pack("<IHBBQQQ", _MASK, 0, 2, 0, base,
                                   TABLE_PAGES_MAX * PAGE_BYTES, len(tables)))  # fmt: skip
    file.header(0x305, struct.pack("<QIIII", base, _MASK, size, 1, 0)).tree_area()
    for at in range(0, len(tables), PAGE_BYTES):
        file.page(base + at, tables[at : at + PAGE_BYTES])
    begins = replace(layout.entry, cr3=base)
    return filled(file, replace(layout, entry=begins), VBS, _MASK)


def layout_of(images: Path, name: str) -> BootLayout:
    """How our loader lays the images of a folder into a platform's memory."""
    shim, kernel, reset = (
        load_image(images / f"{one}.elf") for one in ("shim", "kernel", "reset")
    )
    platform = platform_of(platform_text(name), Path(name), cpus=None, memory_mib=None)
    at_reset = platform.start == "reset-vector"
    return openhcl.lay_out(Loaded(shim, kernel, reset if at_reset else None, platform))


def write_samples(out: Path) -> None:
    """`shim.igvm` and `shim-moves.igvm`, of the images in a folder."""
    (out / "shim.igvm").write_bytes(for_three(out).bytes())
    (out / "shim-moves.igvm").write_bytes(that_moves(out).bytes())
