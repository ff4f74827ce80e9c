"""A bare image that is entered in 64-bit mode and told nothing but its CPU's number.

It says so itself: every CPU begins at its symbol `flat_every_cpu`, or the BSP alone at
`flat_boot_cpu`. RDI is the CPU's number, RSP the top of a page of its own; memory is mapped one
to one. There is no kernel, no device tree, no IDT, and no mailbox but the one of that role.
"""

from typing import Final

from msgspec.structs import replace

from emu.boot.contracts.contract import Contract, Loaded
from emu.boot.entry import EntryState, long_mode
from emu.boot.image import Image, Placed
from emu.boot.layout import GDT, BootLayout, Builder, Region, memory_for
from emu.boot.lines import LineTable
from emu.boot.pagetables import TABLE_PAGES_MAX, identity_tables
from emu.boot.parameters import Range
from emu.boot.structs import structs_of
from emu.boot.symbols import SymbolMap
from emu.errors import PlatformError
from emu.hw.address import LARGE_BYTES, PAGE_BYTES, align_up

EVERY_CPU: Final = "flat_every_cpu"
BOOT_CPU: Final = "flat_boot_cpu"


def recognise(image: Image) -> bool:
    """Whether one of the two symbols is there."""
    return any(symbol.name in (EVERY_CPU, BOOT_CPU) for symbol in image.symbols)


def lay_out(loaded: Loaded) -> BootLayout:
    """The image where it is linked, or 2 MiB above the base of memory; behind it descriptors,
    tables and stacks."""
    image, platform = loaded.image, loaded.platform
    memory = memory_for(image, platform)
    build = Builder(memory[0])
    at = image.first if image.kind == "executable" else memory[0] + LARGE_BYTES
    placed = build.load("image", image, align_up(at, PAGE_BYTES))
    gdt = build.place("GDT", GDT)
    tables, _ = build.take("page tables", TABLE_PAGES_MAX * PAGE_BYTES)
    stacks, _ = build.take("stacks", platform.cpus * PAGE_BYTES)
    if build.next > sum(memory):
        raise PlatformError(
            f"{memory[1] >> 20:,} MiB of memory are not enough for {image.path}: raise --memory"
        )
    build.chunks.append(
        (tables, identity_tables(tables, (memory,), local_map=False, reset_page=False))
    )
    symbols = SymbolMap((placed,))
    every = symbols.find(EVERY_CPU)
    state = long_mode((every or symbols.find(BOOT_CPU))[0], 0, tables, gdt, len(GDT))
    entries = tuple(
        replace(state, rdi=cpu, rsp=stacks + PAGE_BYTES * (cpu + 1))
        for cpu in range(platform.present if every else 1)
    )
    return laid(placed, (memory,), tuple(build.chunks), entries, tuple(build.regions))


def laid(
    placed: Placed,
    ram: tuple[Range, ...],
    chunks: tuple[tuple[int, bytes], ...],
    entries: tuple[EntryState, ...],
    regions: tuple[Region, ...] = (),
    mailbox: int | None = None,
) -> BootLayout:
    """The layout of one image and of whatever else lies in memory, all of it accepted; the
    CPUs begin with `entries`, from the BSP on."""
    images = (placed,)
    return BootLayout(
        name=placed.image.path.name, ram=ram, accepted=ram, chunks=chunks, entry=entries[0],
        others=entries[1:], regions=regions, placed=images, symbols=SymbolMap(images),
        lines=LineTable(images), structs=structs_of(placed.image), mailbox_gpa=mailbox,
    )  # fmt: skip


CONTRACT: Final = Contract(
    "flat",
    "a bare image, entered in 64-bit mode",
    recognise,
    lay_out,
    takes=(),
    hands_over=False,
)
