"""Packs what a loader of ours lays into memory as an IGVM file: one machine, told twice."""

import struct

from emu.boot.layout import BootLayout
from emu.hw.address import PAGE_BYTES, RESET_PAGE
from tests.igvm.builder import TDX, VBS, File

AREA_BYTES = 64 * PAGE_BYTES
"""Of the device tree (openvmm, `vm/loader/src/paravisor.rs`)."""


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
    made += [(0x60001, code), *((number, data) for number in (0x60000, 0x60002, 0x60003))]
    made.append((0x70001, struct.pack("<6xHQ", begins.gdt_limit, begins.gdt_base)))
    records = (struct.pack("<BI11s16s", 2, number, b"", raw) for number, raw in made)
    return struct.pack("<I", len(made)) + b"".join(records)


def packed(layout: BootLayout, kind: int) -> File:
    """The file; the host's device tree is left to whoever loads it."""
    assert layout.host_dtb_gpa is not None
    file = File().platform(kind, shared=1 << 47 if kind == TDX else 0)
    area = range(layout.host_dtb_gpa, layout.host_dtb_gpa + AREA_BYTES)
    file.area(0, AREA_BYTES).header(0x312, struct.pack("<II", 0, 0))
    if kind == VBS:
        file.context(context_of(layout))
    file.insert(0, layout.host_dtb_gpa)
    for gpa, data in sorted(memory_of(layout).items()):
        if gpa not in area:
            file.page(gpa, data if any(data) or gpa == RESET_PAGE else b"")
    return file
